"""What a service is in the tests of the recipes: it takes what the real one takes, and refuses all else."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from core.chat.causes import Cause
from limner.testing import Reply, Request, picture

PICTURE = picture()


class Trouble(NamedTuple):
    """One way in which a service does not make a picture."""

    cause: Cause
    """What the host must understand."""
    reply: Reply
    has_no_model: bool = False
    """It does not know the model, and the host must say so."""
    did_not_run: bool | None = None
    """Whether the host must know that nothing was made; None if either is right."""


def in_trouble(
    *,
    refusal: Reply | None = None,
    empty_account: Reply | None = None,
    wrong_key: Reply | None = None,
    rate_limit: Reply | None = None,
    wrong_model: Reply | None = None,
    others: Mapping[str, Trouble] | None = None,
) -> Mapping[str, Trouble]:
    """Returns what a service answers in each trouble that it has."""
    usual: dict[str, tuple[Cause, Reply | None]] = {
        "refusal": ("content-filter", refusal),
        "empty account": ("quota", empty_account),
        "wrong key": ("auth", wrong_key),
        "rate limit": ("rate-limit", rate_limit),
        "wrong model": ("invalid-request", wrong_model),
    }
    troubles = {
        name: Trouble(cause, reply, name == "wrong model", None if name == "refusal" else True)
        for name, (cause, reply) in usual.items()
        if reply
    }
    return {**troubles, **(others or {})}


@dataclass(frozen=True)
class Asked:
    """What a service understood of a request, in the same words for all of them."""

    model: str
    prompt: str
    size: str | None = None
    """As the recipe writes it: ``1024x1024``, or ``16:9`` for a service that takes the ratio alone."""
    seed: int | None = None
    negative_prompt: str | None = None
    images: tuple[bytes, ...] = ()
    mask: bytes | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Body(BaseModel):
    """The JSON that a service takes: a field that it does not know, or of another type, is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Wrong(Exception):
    """A request that the service does not take, and why."""


class Service:
    """Plays one service; a subclass reads its requests, and answers and refuses in its form."""

    recipe: ClassVar[str]
    """The name of the recipe's file, without ``.toml``."""
    key: ClassVar[str] = "not-quite/a+key-4711"
    models: ClassVar[tuple[str, ...]] = ()
    """The models that it knows."""
    troubles: ClassVar[Mapping[str, Trouble]] = {}
    """What `in_trouble` returns; a service without keys has no wrong key."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.refused: list[str] = []
        self.trouble: Reply | None = None
        """What it answers instead of a picture."""

    def answer(self, request: Request) -> Reply:
        """Returns what the service answers; what it understood or refused is kept."""
        if request.method == "GET":
            return Reply(body=PICTURE, headers={"content-type": "image/png"})
        if self.trouble is not None:
            return self.trouble
        if "wrong key" in self.troubles and self.key_of(request) != self.key:
            return self.troubles["wrong key"].reply
        try:
            asked = self.read(request)
        except (Wrong, ValidationError) as error:
            self.refused.append(str(error))
            return self.refuse(str(error))
        if "wrong model" in self.troubles and asked.model not in self.models:
            return self.troubles["wrong model"].reply
        self.asked.append(asked)
        return self.reply(request, asked)

    def key_of(self, request: Request) -> str:
        """Returns the key that came with a request."""
        return request.headers.get("authorization", "").removeprefix("Bearer ")

    def companions_of(self, option: str) -> dict[str, Any]:
        """Returns the options that an option needs beside it."""
        return {}

    def read(self, request: Request) -> Asked:
        """Returns what a request asks for; raises Wrong, or pydantic's ValidationError."""
        raise NotImplementedError

    def reply(self, request: Request, asked: Asked) -> Reply:
        """Returns the answer with a picture."""
        return Reply(body={"created": 1, "data": [{"b64_json": base64.b64encode(PICTURE).decode()}]})

    def refuse(self, words: str) -> Reply:
        """Returns the answer to a request that the service does not take."""
        return openai_error(400, words, type="invalid_request_error", code=None)


def openai_error(status: int, message: str, **more: Any) -> Reply:
    """Returns an error in OpenAI's form, which many share."""
    return Reply(status, {"error": {"message": message, **more}})


def link_to_picture(request: Request, name: str = "made.png") -> str:
    """Returns the address of a picture on the same server."""
    return f"http://{request.headers['host']}/files/{name}"


def check_path(request: Request, *paths: str) -> str:
    """Returns the path of a request without its query; raises Wrong for any other than these."""
    path = request.path.partition("?")[0]
    if path not in paths:
        raise Wrong(f"There is nothing at {path}.")
    return path


def bytes_of(uri: str) -> bytes:
    """Returns the picture in a ``data:`` URI; raises Wrong for any other text."""
    head, comma, data = uri.partition(",")
    if not (comma and head.startswith("data:image/") and head.endswith(";base64")):
        raise Wrong(f"{uri[:40]} is no picture.")
    return base64.b64decode(data, validate=True)


def given(body: BaseModel, *names: str) -> dict[str, Any]:
    """Returns the fields of these names that a request had."""
    return body.model_dump(include=set(names), exclude_unset=True)


@dataclass(frozen=True)
class Form:
    """A form that was sent: its texts by name, and its files in order."""

    texts: Mapping[str, str]
    files: tuple[tuple[str, bytes], ...]

    def take(self, fields: Mapping[str, Callable[[str], Any]]) -> dict[str, Any]:
        """Returns the texts as the values that they stand for; raises Wrong for a field of another name."""
        if unknown := self.texts.keys() - fields.keys():
            raise Wrong(f"Unknown parameter: {min(unknown)}.")
        try:
            return {name: fields[name](text) for name, text in self.texts.items()}
        except ValueError as error:
            raise Wrong(str(error)) from error

    def file(self, *names: str) -> tuple[bytes, ...]:
        """Returns the files with one of these names."""
        return tuple(data for name, data in self.files if name in names)


def read_form(request: Request) -> Form:
    """Reads a form as it was sent: between two boundaries, a head, an empty line and the bytes."""
    kind, _, boundary = request.headers.get("content-type", "").partition("; boundary=")
    if kind != "multipart/form-data":
        raise Wrong(f"The request is {kind or 'nothing'}, and no form.")
    texts: dict[str, str] = {}
    files: list[tuple[str, bytes]] = []
    for part in (b"\r\n" + request.body).split(f"\r\n--{boundary}".encode())[1:-1]:
        head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        lines = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        said = dict(one.split("=", 1) for one in lines["Content-Disposition"].split("; ")[1:])
        name = said["name"].strip('"')
        if "filename" in said:
            files.append((name, data))
        else:
            texts[name] = data.decode()
    return Form(texts, tuple(files))
