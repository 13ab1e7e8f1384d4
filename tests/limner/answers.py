"""How services refuse and fail: the answers in `answers.jsonl`, in the forms of issues and documentation.

Each line is an answer and what it stands for: `is` is the category. The first half was written together with
the rule that reads them, the second after it stood, from other services and other wordings; of these the
rule read 96 of 119 as they are meant at the first run. A third set of other wordings had 89 of 99;
the fourth holds what was read wrongly afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

FILTER = "content-filter"
PROMPT = "A nude fox; NSFW, flagged by the content policy: insufficient credits, invalid API key"
"""What the person asked for; services repeat it, and its words are not theirs."""


class Answer(NamedTuple):
    half: int
    about: str
    status: int
    body: Any
    category: str
    did_not_run: bool
    """Certainly; never for a refusal, which may have judged the finished picture."""
    wait: float | None
    headers: Mapping[str, str]

    @property
    def name(self) -> str:
        return f"{self.status} {self.category}: {self.about}"


def _answer(line: str) -> Answer:
    row: dict[str, Any] = json.loads(line.replace("{PROMPT}", PROMPT))
    more = (row.get("did_not_run", False), row.get("wait"), row.get("headers", {}))
    return Answer(row["half"], row["about"], row["status"], row["body"], row["is"], *more)


_FILE = Path(__file__).with_name("answers.jsonl")
ANSWERS = tuple(map(_answer, _FILE.read_text(encoding="utf-8").splitlines()))
