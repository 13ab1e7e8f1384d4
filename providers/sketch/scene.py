"""A scene: what is to be drawn and where it stands, from a prompt, or from a scene and what is to change."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from zlib import crc32

from providers.sketch.drawings import FIGURES
from providers.sketch.phrase import Mention, Phrase

DREAMS = """mountains lake bird, hills tree river, sea ship bird, mountains hills balloon, desert moon bird,
    forest lake mountains, flowers house hills"""
"""The subjects of a prompt that names none."""
GROUNDS = {
    "desert": "desert", "sea": "sea", "lake": "lake", "river": "land", "hills": "land", "forest": "land",
    "road": "land", "flowers": "land", "tree": "land", "ship": "sea", "fish": "sea", "lighthouse": "sea",
    "city": "lake", "bridge": "lake",
}  # fmt: skip
"""What lies before the horizon, by the first of these subjects that is asked for; land if there is none."""
DRY = ("land", "desert")
CONTRARY = [({"clear"}, {"rain", "snow", "fog", "storm", "clouds"}), ({"snow"}, {"rain", "storm"})]
"""Weather that ends other weather, and is ended by it."""
MOST = 12
"""Figures of one kind."""


@dataclass(frozen=True)
class Subject:
    """Something to draw; `colour` is ``#rrggbb`` if the prompt names one."""

    name: str
    count: int = 1
    colour: str | None = None


class Scene:
    """What a prompt asks for, without what it negates and what the negative prompt names.

    The first colour is the sky's, the second the land's. The mood, a number made from the unknown words and
    the same in every process, decides what the known words leave open. With a scene `before`, the prompt says
    what changes: all else stays, and stays where it is.
    """

    def __init__(self, prompt: str, negative_prompt: str | None = None, before: Scene | None = None) -> None:
        said = self.said = Phrase(prompt, negative_prompt)
        self.unknown, self.absent = said.unknown, set(said.absent)
        mood = crc32(" ".join(said.unknown).encode())
        self.subjects: dict[str, Subject] = {}
        if before is None:
            self.mood, self.colours, self.weather = mood, said.colours, set(said.weather)
            self._add(said.mentions.values())
            dream = DREAMS.split(",")[mood // 7 % 7].split() if not self.subjects else []
            self.subjects |= {name: Subject(name) for name in dream if name not in self.absent}
            usual = ("dawn", "morning", "dusk", "noon")[mood % 4] if said.unknown else "morning"
            self.time, self.season = [*said.time, *said.implied, usual][0], [*said.season, "summer"][0]
            self.ground = next((GROUNDS[name] for name in GROUNDS if name in self.subjects), "land")
            self.composed_for = {name: subject.count for name, subject in self.subjects.items()}
            self.places: list[str] = []
        else:
            self.mood = before.mood if said.is_understood or not said.unknown else mood
            self.absent |= before.absent - {*said.mentions, *said.weather, *said.season}
            self.colours = said.colours or [hue for hue in before.colours if hue not in said.absent]
            self.subjects = {n: s for n, s in before.subjects.items() if n not in said.absent}
            self._add(said.mentions.values())
            self._change_light(said, before)
            self.ground, self.composed_for = self._ground_after(before), before.composed_for
            self.places = list(before.places)
        self._find_places()
        self.lead = before.lead if before and before.lead else self._lead()
        """Who stands at the focus, and is not moved by others: those on the stage, near, or on the water."""

    def has(self, *names: str) -> bool:
        """Whether any of these subjects is asked for."""
        return any(name in self.subjects for name in names)

    def has_room_for(self, *names: str) -> bool:
        """Whether the first prompt or this one asks for any of these: land stays when they go."""
        return self.has(*names) or not self.composed_for.keys().isdisjoint(names)

    def crowd(self, where: str) -> list[tuple[int, int, Subject]]:
        """Returns the figures of a place: the slot of each, its number among its like, and its subject."""
        there = [name for name in self.places if FIGURES[name.lstrip("-")].where == where]
        return [
            (slot, [*there[:slot]].count(name), self.subjects[name])
            for slot, name in enumerate(there)
            if not name.startswith("-")
        ]

    def _add(self, mentions: Iterable[Mention]) -> None:
        for said in mentions:
            old, usual = self.subjects.get(said.name), 4 if said.is_plural else 1  # a plural is in no table
            if old is None:
                self.subjects[said.name] = Subject(said.name, said.count or usual, said.colour)
            else:
                count = old.count + (said.count or usual) if said.more else said.count or old.count
                new = replace(old, count=min(MOST, count), colour=said.colour or old.colour)
                self.subjects[said.name] = new

    def _change_light(self, said: Phrase, before: Scene) -> None:
        implied = [hour for hour in said.implied if (hour, before.time) not in _FITTING]
        self.time = [*said.time, *implied, before.time][0]
        self.season = [*said.season, before.season][0]
        self.time = "morning" if self.time in said.absent else self.time
        self.season = "summer" if self.season in said.absent else self.season
        self.weather = before.weather - said.absent
        if said.season and self.season != "winter":
            self.weather -= {"snow"}
        for new in said.weather:
            for some, others in (pair for one, other in CONTRARY for pair in ((one, other), (other, one))):
                self.weather -= others if new in some else set()
            self.weather.add(new)
        gone = (
            {"moon", "stars"} if self.time in ("morning", "noon") else {"sun"} if self.time == "night" else ()
        )
        for name in {*gone} - {*said.mentions}:
            self.subjects.pop(name, None)

    def _ground_after(self, before: Scene) -> str:
        if asked := [name for name in ("desert", "sea", "lake") if name in self.said.mentions]:
            return asked[0]
        if before.ground in DRY and self.said.mentions.keys() & {"ship", "fish"} & self.subjects.keys():
            return "lake"  # nothing that is in the distance goes, as it would for a sea
        return "land" if before.ground in self.said.absent else before.ground

    def _find_places(self) -> None:
        """Gives each figure the first free place of its kind: what goes leaves a gap, and none moves up."""
        for name in {name.lstrip("-") for name in self.places} | self.subjects.keys():
            want = self.subjects[name].count if name in self.subjects else 0
            for i in reversed([i for i, other in enumerate(self.places) if other == name][want:]):
                self.places[i] = f"-{name}"
        for name in sorted(self.subjects, key="person".__ne__):  # a person stands before the beasts
            for _ in range(self.subjects[name].count - self.places.count(name) if name in FIGURES else 0):
                where = FIGURES[name].where
                free = [i for i, other in enumerate(self.places) if FIGURES[other.strip("-")].where == where]
                gaps = [i for i in free if self.places[i].startswith("-")]
                gaps.sort(key=lambda i: self.places[i] != f"-{name}")
                if gaps:
                    self.places[gaps[0]] = name
                else:
                    self.places.append(name)

    def _lead(self) -> str:
        stand = {FIGURES[name].where for name in self.places if not name.startswith("-")}
        return next((where for where in ("stage", "near", "water") if where in stand), "")


_FITTING = {(hour, other) for hour in ("night", "morning") for other in ("dawn", "dusk")}
_FITTING |= {("morning", "noon"), ("dusk", "dawn")}
"""The hour that a moon, a sun or a shadow implies, and others that it goes with as well."""
