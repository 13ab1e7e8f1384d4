"""One picture of the command line: asked for, followed, written where it belongs, and told about."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from core import Rejected
from core.asking import Asked, SentPicture, ask
from core.chat.failure import LimitReached
from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation.visitor import LOCAL
from core.parts import filename, provenance
from core.studio import Studio
from ui.cli import outcome
from ui.cli.output import Output
from ui.cli.progress import Progress, follow, on_one_line
from ui.cli.results import Results
from ui.cli.stopping import Stop, settled

PATIENCE = 120.0
"""Seconds that one prompt of several waits for a limit; what takes longer ends them all."""


@dataclass
class Making:
    """What all prompts of one run share, and what became of them."""

    studio: Studio
    values: Mapping[str, Any]
    """What is asked for beside the prompt."""
    images: Sequence[SentPicture]
    mask: SentPicture | None
    output: Output
    results: Results
    progress: Progress
    stop: Stop
    as_json: bool
    is_one_of_several: bool
    codes: set[int] = field(default_factory=set[int])
    """The exit code of each prompt."""
    is_over: bool = False
    """What ended one prompt would end every further one."""

    async def make(self, prompt: str) -> None:
        """Makes the picture of a prompt, whatever becomes of it."""
        key = self.progress.begin(prompt)
        try:
            version = await self._version(prompt, key)
        except Rejected as problem:
            self.refuse(prompt, problem)
        else:
            if version:
                await self._keep(prompt, version)
        finally:
            self.progress.end(key)
        if not self.results.is_read:
            self.is_over = True

    def refuse(self, prompt: str, problem: Rejected) -> None:
        """Says why a prompt was not begun."""
        self.is_over |= isinstance(problem, LimitReached)
        code = outcome.code_of_refusal(problem)
        self._tell(prompt, code, outcome.known_of_refusal(problem, prompt), [str(problem)])

    async def _version(self, prompt: str, key: int) -> Version | None:
        """Returns the settled version; None if the process was asked to stop before it began."""
        while not self.stop.event.is_set():
            try:
                asked = await self._ask(prompt)
            except LimitReached as limit:
                wait = limit.retry_after
                if not self.is_one_of_several or wait is None or wait > PATIENCE:
                    raise
                with self.progress.aside():
                    print(f"Waiting. {limit}", file=sys.stderr)
                await self.stop.wait(wait)
                continue
            following = asyncio.create_task(follow(asked, self.progress, key))
            try:
                return await settled(self.studio, asked, self.stop)
            finally:
                following.cancel()
        return None

    async def _ask(self, prompt: str) -> Asked:
        request = UserRequest(prompt=prompt, **self.values)
        return await ask(self.studio, request, images=self.images, mask=self.mask, visitor=LOCAL)

    async def _keep(self, prompt: str, version: Version) -> None:
        """Writes the picture and says where, or says why there is none."""
        code, known = outcome.code_of(version), outcome.known_of(version)
        if version.picture is None:
            self.is_over |= code == outcome.UNPAID
            said = outcome.sentences_of(version) if version.failure else []  # a stop is said once, at the end
            self._tell(prompt, code, known, said)
            return
        data = await self.studio.store.read(version.picture.name) or b""
        warnings = [f"{warning.feature}: {warning.details}" for warning in version.provenance.warnings]
        if self.output.is_standard:
            self.results.data(data)
            self._tell(prompt, code, known, warnings)
            return
        try:
            with self.progress.aside():
                path = str(self.output.write(data, filename(version)))
        except OSError as error:
            kept = await self.studio.store.find(version.picture.name)
            what = f"The picture could not be written ({error.strerror}): it is kept as {kept}."
            known = {"error": what, "category": "not-written", "kept": str(kept), **provenance(version)}
            self._tell(prompt, outcome.FAILED, known, [what])
            return
        self._tell(prompt, code, {"file": path, **known}, warnings, path)

    def _tell(
        self, prompt: str, code: int, known: Mapping[str, Any], said: Sequence[str], result: str = ""
    ) -> None:
        """Says what became of a prompt: as JSON, or the result on standard output and the rest beside it."""
        self.codes.add(code)
        with self.progress.aside():
            if self.as_json:
                self.results.line(json.dumps({"prompt": prompt, **known}))
                return
            about = f"{result or on_one_line(prompt)}: " if self.is_one_of_several else ""
            for sentence in said:
                print(about + sentence, file=sys.stderr)
            if result:
                self.results.line(result)
