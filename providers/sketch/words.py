"""From a prompt's words to what is to be drawn."""

from __future__ import annotations

import re
from dataclasses import dataclass
from zlib import crc32

SUBJECTS = {
    "sea": "ocean seascape wave coast coastline harbour harbor bay",
    "beach": "shore seaside sand tropical",
    "lake": "pond lagoon fjord loch",
    "river": "stream creek brook waterfall canal",
    "island": "isle islet",
    "mountains": "mountain peak alps alpine summit volcano cliff",
    "hills": "hill valley countryside moor highland",
    "forest": "wood woods woodland jungle",
    "desert": "dune sahara oasis mesa canyon",
    "city": "skyline town downtown skyscraper metropolis street building tokyo manhattan",
    "village": "hamlet settlement",
    "house": "cabin cottage hut home barn farmhouse farm",
    "castle": "fortress palace citadel tower ruin",
    "lighthouse": "beacon",
    "windmill": "mill",
    "bridge": "viaduct aqueduct",
    "road": "path trail highway lane track",
    "boat": "ship sailboat yacht sail vessel sailing schooner",
    "moon": "moonrise crescent",
    "sun": "",
    "stars": "star constellation galaxy starry starlit starlight",
    "tree": "oak maple birch willow orchard",
    "pine": "fir spruce conifer cedar",
    "palm": "",
    "cactus": "cacti",
    "flowers": "flower meadow blossom poppy tulip lavender rose daisy wildflower garden field",
    "mushrooms": "mushroom toadstool fungus fungi",
    "birds": "bird gull seagull swallow crow raven goose geese dove eagle owl",
    "cat": "kitten kitty",
    "fox": "vixen",
    "dog": "puppy hound wolf wolves",
    "fish": "trout salmon dolphin whale shark",
    "balloon": "airship",
    "person": "people man woman girl boy child children wanderer traveller traveler figure hiker someone",
    "rooftop": "roof",
}
TIMES = {
    "dawn": "sunrise daybreak early",
    "morning": "breakfast",
    "noon": "midday day daytime daylight sunny afternoon sunshine bright",
    "dusk": "sunset evening twilight sundown gloaming",
    "night": "midnight nighttime moonlit moonlight nocturnal nightfall",
}
SEASONS = {
    "spring": "april springtime",
    "summer": "july summertime",
    "autumn": "fall autumnal october november",
    "winter": "snowy icy frozen frost frosty january december christmas snow snowfall blizzard",
}
WEATHERS = {
    "rain": "rainy raining drizzle downpour wet shower rainfall",
    "snow": "snowfall blizzard snowing snowflake",
    "fog": "foggy mist misty haze hazy",
    "storm": "stormy lightning thunder thunderstorm tempest hurricane",
    "clouds": "cloud cloudy overcast",
    "clear": "cloudless",
    "wind": "windy breeze breezy gale",
    "rainbow": "",
    "aurora": "",
}
STYLES = {
    "watercolour": "watercolor aquarelle",
    "monochrome": "noir ink charcoal grayscale greyscale bw engraving woodcut",
    "sepia": "vintage antique retro old",
    "pastel": "soft gentle dreamy",
    "vivid": "neon synthwave cyberpunk vibrant saturated psychedelic colourful colorful",
}
COLOURS = {
    "red": "#d6372f", "crimson": "#b3202f", "scarlet": "#e0301e", "orange": "#ee8130", "amber": "#f4ab33",
    "gold": "#e6b13a", "golden": "#e6b13a", "yellow": "#f6d443", "lime": "#a6d13c", "green": "#4b9a4c",
    "emerald": "#1f9d6b", "olive": "#86873c", "teal": "#16969a", "turquoise": "#34c2bd", "cyan": "#38bede",
    "blue": "#2f6fd0", "azure": "#4aa0f0", "navy": "#213a7d", "indigo": "#4a3fa5", "violet": "#7f4fc9",
    "purple": "#8144b0", "lilac": "#b795dd", "magenta": "#cf3d9c", "pink": "#f28fb4", "coral": "#f4775f",
    "peach": "#f8b58d", "brown": "#87583a", "beige": "#dccaa6", "white": "#f6f4ef", "silver": "#bfc7d0",
    "grey": "#8a8f98", "gray": "#8a8f98", "black": "#23232b",
}  # fmt: skip
COUNTS = {
    "one": 1, "two": 2, "pair": 2, "couple": 2, "three": 3, "few": 3, "four": 4, "several": 4, "five": 5,
    "six": 6, "seven": 7, "many": 7, "eight": 8, "nine": 9, "flock": 9, "ten": 10, "eleven": 11,
    "dozen": 12, "twelve": 12,
}  # fmt: skip
PHRASES = {
    "golden hour": "dusk", "blue hour": "dusk", "black and white": "monochrome", "hot air": "",
    "hot-air": "", "long shadows": "longshadows", "northern lights": "aurora", "milky way": "stars",
    "full moon": "fullmoon moon", "high noon": "noon", "starry night": "stars night", "palm tree": "palm",
    "pine tree": "pine", "fir tree": "pine", "apple tree": "tree", "sand dune": "desert", "at sea": "sea",
    "sunflower": "yellow flowers",
}  # fmt: skip
PLURALS = {"birds", "mushrooms", "geese", "wolves", "people", "children", "cacti", "fungi"}
LINKS = set(
    "a an the and or of in on at by to with over under near from into above below behind beside between is are "
    "its his her their it this that as for some very picture image drawing painting illustration photo view "
    "scene style landscape art sky light ground across through along among around".split()
)
NEGATION = re.compile(r"\b(?:no|without|minus|except)\s+(?:any\s+|an?\s+|the\s+)?([a-z]+)")


def _table(words: dict[str, str]) -> dict[str, str]:
    return {word: name for name, others in words.items() for word in (name, *others.split())}


_SUBJECT, _TIME, _SEASON, _WEATHER, _STYLE = map(_table, (SUBJECTS, TIMES, SEASONS, WEATHERS, STYLES))
_KNOWN = _SUBJECT | _TIME | _SEASON | _WEATHER | _STYLE | COLOURS | dict.fromkeys(COUNTS, "")


@dataclass(frozen=True)
class Subject:
    """Something to draw; `colour` is ``#rrggbb`` where the prompt names one."""

    name: str
    count: int = 1
    colour: str | None = None


@dataclass(frozen=True)
class Scene:
    """What a prompt asks for, in the drawing's own terms."""

    subjects: tuple[Subject, ...]
    time: str
    season: str
    weather: frozenset[str]
    style: str | None
    colours: tuple[str, ...]
    """Colours of the whole, the first for the sky and the second for the land."""
    full_moon: bool
    long_shadows: bool
    absent: frozenset[str]
    """Names of what is to be left out, even where nobody asked for it."""
    unknown: tuple[str, ...]
    mood: int
    """A number from the unknown words, the same in every process; 0 where all are known."""

    def subject(self, name: str) -> Subject | None:
        """Finds a subject by its name."""
        return next((subject for subject in self.subjects if subject.name == name), None)

    def has(self, *names: str) -> bool:
        """Says whether any of these subjects is asked for."""
        return any(self.subject(name) for name in names)


def singular(word: str) -> str:
    """Gives the word as the tables spell it: without a plural's ending, where it has one."""
    forms = [word]
    for ending, replacement in (("ies", "y"), ("es", ""), ("s", "")):
        if word.endswith(ending):
            forms.append(word.removesuffix(ending) + replacement)
    return next((form for form in forms if form in _KNOWN), word)


def _words(text: str) -> list[str]:
    text = " ".join(text.lower().split())
    for phrase, meaning in PHRASES.items():
        text = re.sub(rf"\b{phrase}(s?)\b", rf"{meaning}\1" if meaning else "", text)
    return re.findall(r"[^\W\d_]+|\d+|[,.;:]", text)


def read(prompt: str, negative_prompt: str | None = None) -> Scene:
    """Reads a prompt; what follows ``no`` or ``without``, or is in the negative prompt, is left out."""
    unwanted = f"{negative_prompt or ''} {' '.join(NEGATION.findall(prompt.lower()))}"
    shunned = {singular(word) for word in _words(unwanted)}
    absent = {table[word] for word in shunned for table in (_SUBJECT, _WEATHER, _TIME) if word in table}

    subjects: dict[str, Subject] = {}
    found: dict[str, list[str]] = {"time": [], "season": [], "weather": [], "style": [], "colour": []}
    unknown: list[str] = []
    colours: list[str] = []
    count: int | None = None
    plain = set(_words(NEGATION.sub(" ", prompt.lower())))
    for raw in _words(NEGATION.sub(" , ", prompt.lower())):
        word = singular(raw)
        name = _SUBJECT.get(word)
        if word in shunned or (name or "") in absent:
            continue
        if word in COLOURS:
            colours.append(COLOURS[word])
        elif word in COUNTS or word.isdigit():
            number = COUNTS.get(word) or int(word[:4])
            count = number if 0 < number <= 12 else count
        elif name:
            many = 4 if raw != word or raw in PLURALS else 1
            subjects.setdefault(name, Subject(name, count or many, colours[0] if colours else None))
            colours, count = [], None
        else:
            if raw != "and" and (raw in LINKS or not raw.isalpha()):
                found["colour"] += colours
                colours = []
            tables = {"time": _TIME, "season": _SEASON, "weather": _WEATHER, "style": _STYLE}
            hits = [(kind, table[word]) for kind, table in tables.items() if word in table]
            for kind, value in hits:
                found[kind].append(value)
            if not hits and raw not in LINKS and raw.isalpha() and not raw.endswith(("shadows", "fullmoon")):
                unknown.append(raw)
    found["colour"] += colours
    if not found["colour"] and plain & {"neon", "synthwave", "cyberpunk"}:
        found["colour"] = [COLOURS["magenta"], COLOURS["indigo"]]

    weather = frozenset(found["weather"]) - absent
    has_night = "aurora" in weather or not subjects.keys().isdisjoint({"moon", "stars"})
    mood = crc32(" ".join(unknown).encode()) if unknown else 0
    if found["time"]:
        time = found["time"][0]
    elif "longshadows" in plain or has_night or "sun" in subjects:
        time = "dusk" if "longshadows" in plain else "night" if has_night else "morning"
    else:
        time = ("dawn", "morning", "dusk", "noon")[mood % 4] if unknown else "morning"
    return Scene(
        subjects=tuple(subjects.values()),
        time=time,
        season=next(iter(found["season"]), "summer"),
        weather=weather,
        style=next(iter(found["style"]), None),
        colours=tuple(found["colour"]),
        full_moon="fullmoon" in plain,
        long_shadows="longshadows" in plain,
        absent=frozenset(absent),
        unknown=tuple(unknown),
        mood=mood,
    )
