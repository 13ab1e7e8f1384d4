"""The words that the sketch knows, each with the names that the drawing has for it."""

from __future__ import annotations

import re
from collections.abc import Iterable

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
        winter snowy icy frozen frost frosty january december christmas snow snowfall snowing blizzard""",
    "weather": """rain rainy raining drizzle downpour wet shower, snow snowfall blizzard snowing snowflake,
        fog foggy mist misty haze hazy, storm stormy lightning thunder thunderstorm tempest,
        clouds cloud cloudy overcast, clear cloudless sunny sunshine""",
    "colour": """#d6372f red scarlet crimson, #ee8130 orange, #e6b13a gold golden amber, #f6d443 yellow,
        #a6d13c lime, #4b9a4c green emerald, #86873c olive, #16969a teal, #34c2bd turquoise cyan,
        #2f6fd0 blue azure, #213a7d navy indigo, #8144b0 purple violet, #b795dd lilac, #cf3d9c magenta,
        #f28fb4 pink, #f4775f coral peach, #87583a brown, #dccaa6 beige, #f6f4ef white,
        #8a8f98 grey gray silver, #23232b black""",
    "count": """1 one, 2 two pair couple, 3 three few, 4 four several, 5 five, 6 six, 7 seven many, 8 eight,
        9 nine flock, 10 ten, 11 eleven, 12 twelve dozen""",
    "link": """a an the or of in on at by to with over under near from into above below behind beside between
        is are its his her their it this that as for some very picture image drawing painting photo view sky
        landscape light ground across through along among around long shadow shadows full hot air calm,
        but same again now then still please can could would should you want like us back bring next make
        put set give show draw paint turn change keep let be everything everywhere all whole scene colour
        color colored coloured season weather time there""",
    "without": """no without minus except, remove delete erase hide stop""",
    "more": """more another extra additional add""",
}
"""For each kind, the names that the drawing knows, each followed by other words for it."""
IMPLIED = {"shadows": "dusk", "moon": "night", "stars": "night", "sun": "morning"}
TOKEN = re.compile(r"[^\W\d_]+|\d+|[,.;:!?]")
THINGS = {"subject", "time", "season", "weather", "colour"}

MEANINGS: dict[str, list[tuple[str, str]]] = {}  # for each word, the kinds and names that it may mean
for _kind, _names in ((kind, names.split()) for kind in WORDS for names in WORDS[kind].split(",")):
    for _word in _names:
        MEANINGS.setdefault(_word, []).append((_kind, _names[0]))


def meanings(word: str) -> list[tuple[str, str]]:
    """Returns the kinds and names that a word, perhaps a plural, may mean; none if it is unknown."""
    endings = (("", ""), ("ies", "y"), ("es", ""), ("s", ""))
    forms = (word.removesuffix(end) + new for end, new in endings if word.endswith(end))
    return next((MEANINGS[form] for form in forms if form in MEANINGS), [])


def named(words: Iterable[str], *kinds: str) -> set[str]:
    """Returns the names of these kinds that the words mean."""
    return {name for word in words for kind, name in meanings(word) if kind in kinds}
