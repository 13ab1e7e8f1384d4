"""What a prompt's words ask to be drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

WORDS = {
    "subject": """sea ocean seascape wave coast coastline harbour harbor bay beach shore seaside island,
        lake pond lagoon fjord loch, river stream creek brook waterfall canal, road path trail highway lane,
        mountains mountain peak alps alpine summit volcano cliff, hills hill valley countryside moor highland,
        forest wood woods woodland jungle pine fir spruce, desert dune sand oasis canyon cactus,
        city skyline town downtown skyscraper metropolis street building rooftop, bridge viaduct aqueduct,
        house cabin cottage hut home barn farmhouse farm windmill village, castle fortress palace tower ruin,
        lighthouse beacon, ship boat sailboat yacht sail vessel sailing schooner, moon moonrise crescent, sun,
        stars star constellation galaxy starry starlit, tree oak maple birch willow palm orchard,
        flowers flower meadow blossom poppy tulip lavender rose daisy sunflower garden field,
        bird gull seagull swallow crow raven goose geese dove eagle owl, cat kitten kitty, fox vixen,
        dog puppy hound wolf wolves, fish trout salmon dolphin whale shark, balloon airship,
        person people man woman girl boy child children wanderer traveller hiker""",
    "time": """dawn sunrise daybreak early, morning breakfast, dusk sunset evening twilight sundown,
        noon midday day daytime daylight sunny afternoon sunshine bright, night midnight moonlit moonlight""",
    "season": """spring april, summer july, autumn fall autumnal october november,
        winter snowy icy frozen frost frosty january december christmas snow snowfall blizzard""",
    "weather": """rain rainy raining drizzle downpour wet shower, snow snowfall blizzard snowing snowflake,
        fog foggy mist misty haze hazy, storm stormy lightning thunder thunderstorm tempest,
        clouds cloud cloudy overcast, clear cloudless""",
    "colour": """#d6372f red scarlet crimson, #ee8130 orange, #e6b13a gold golden amber, #f6d443 yellow,
        #a6d13c lime, #4b9a4c green emerald, #86873c olive, #16969a teal, #34c2bd turquoise cyan,
        #2f6fd0 blue azure, #213a7d navy indigo, #8144b0 purple violet, #b795dd lilac, #cf3d9c magenta,
        #f28fb4 pink, #f4775f coral peach, #87583a brown, #dccaa6 beige, #f6f4ef white,
        #8a8f98 grey gray silver, #23232b black""",
    "count": """1 one, 2 two pair couple, 3 three few, 4 four several, 5 five, 6 six, 7 seven many, 8 eight,
        9 nine flock, 10 ten, 11 eleven, 12 twelve dozen""",
    "link": """a an the or of in on at by to with over under near from into above below behind beside between
        is are its his her their it this that as for some very picture image drawing painting photo view sky
        landscape light ground across through along among around long shadow shadows full hot air calm""",
}
"""For each kind, the names that the drawing knows, each followed by other words for it."""
IMPLIED = {"shadows": "dusk", "moon": "night", "stars": "night", "sun": "morning"}
DREAMS = """mountains lake bird, hills tree river, sea ship bird, mountains hills balloon, desert moon bird,
    forest lake mountains, flowers house hills"""
"""The subjects of a prompt that names none."""
GROUNDS = {
    "desert": "desert", "sea": "sea", "lake": "lake", "river": "land", "hills": "land", "forest": "land",
    "road": "land", "flowers": "land", "tree": "land", "ship": "sea", "fish": "sea", "lighthouse": "sea",
    "city": "lake", "bridge": "lake",
}  # fmt: skip
"""What lies before the horizon, by the first of these subjects that is asked for; land if there is none."""
TOKEN = re.compile(r"[^\W\d_]+|\d+|[,.;:]")
NEGATION = re.compile(r"\b(?:no|without|minus|except)\s+(?:any\s+|an?\s+|the\s+)?([a-z]+)")

MEANINGS: dict[str, list[tuple[str, str]]] = {}  # for each word, the kinds and names that it may mean
for _kind, _names in ((kind, names.split()) for kind in WORDS for names in WORDS[kind].split(",")):
    for _word in _names:
        MEANINGS.setdefault(_word, []).append((_kind, _names[0]))


@dataclass(frozen=True)
class Subject:
    """Something to draw; `colour` is ``#rrggbb`` if the prompt names one."""

    name: str
    count: int = 1
    colour: str | None = None


class Scene:
    """What a prompt asks for, without what it negates and what the negative prompt names.

    The first colour is the sky's, the second the land's. The mood, a number made from the unknown words and
    the same in every process, decides what the known words leave open.
    """

    def __init__(self, prompt: str, negative_prompt: str | None = None) -> None:
        prompt = prompt.lower().replace("golden hour", "dusk").replace("milky way", "stars")
        unwanted = f"{negative_prompt or ''} {' '.join(NEGATION.findall(prompt))}".lower()
        self.absent = {name for word in TOKEN.findall(unwanted) for _, name in _meanings(word)}
        self.subjects: dict[str, Subject] = {}
        self.unknown: list[str] = []
        found: dict[str, list[str]] = {kind: [] for kind in WORDS}
        pending: list[str] = []  # colours that wait for their subject
        words, count = TOKEN.findall(NEGATION.sub(" , ", prompt)), 0
        for word in words:
            known = _meanings(word)
            if not word.isalpha() or ("link", "a") in known:
                found["colour"], pending = found["colour"] + pending, []
            elif word != "and" and not known:
                self.unknown.append(word)
            for kind, name in known:
                if kind == "count":
                    count = int(name)
                elif kind == "subject" and name not in self.absent:
                    count = count or (1 if word in MEANINGS else 4)  # a plural is in no table
                    self.subjects.setdefault(name, Subject(name, count, pending[0] if pending else None))
                    pending, count = [], 0
                elif name not in self.absent:
                    (pending if kind == "colour" else found[kind]).append(name)
        self.mood = crc32(" ".join(self.unknown).encode())
        implied = [hour for name, hour in IMPLIED.items() if name in self.subjects or name in words]
        implied += [("dawn", "morning", "dusk", "noon")[self.mood % 4] if self.unknown else "morning"]
        dream = DREAMS.split(",")[self.mood // 7 % 7].split() if not self.subjects else []
        self.subjects |= {name: Subject(name) for name in dream if name not in self.absent}
        self.ground = next((GROUNDS[name] for name in GROUNDS if name in self.subjects), "land")
        self.time, self.season = (found["time"] + implied)[0], (found["season"] + ["summer"])[0]
        self.weather, self.colours = set(found["weather"]), found["colour"] + pending

    def has(self, *names: str) -> bool:
        """Whether any of these subjects is asked for."""
        return any(name in self.subjects for name in names)


def _meanings(word: str) -> list[tuple[str, str]]:
    endings = (("", ""), ("ies", "y"), ("es", ""), ("s", ""))
    forms = (word.removesuffix(end) + new for end, new in endings if word.endswith(end))
    return next((MEANINGS[form] for form in forms if form in MEANINGS), [])
