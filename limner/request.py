"""The request that a provider gets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from limner.errors import ProviderError
from limner.inputs import InputImage
from limner.options import Options
from limner.size import Size

MAX_SEED = 2**32 - 1
"""The largest seed that anybody can ask for."""
MAX_PREVIEW, MAX_PREVIEW_PIXELS = 2_000_000, 4_000_000
"""Bytes and pixels of a preview; the host does not show a larger one."""
MAX_HANDLE = 10_000
"""Characters of what a provider remembers, as JSON; the host does not keep a longer one."""


def _nobody_listens(_: object) -> None:
    """Ignores the progress of a request that nobody watches."""


def _never() -> bool:
    """Says that nobody cancels the request."""
    return False


class Done:
    """Awaits nothing."""

    def __await__(self) -> Generator[Any, None, None]:
        """Returns at once."""
        return iter(())  # pyright: ignore[reportReturnType]


def _forgets(_: object) -> Awaitable[None]:
    """Forgets the handle of a request that nobody takes up again."""
    return Done()


def _share(value: object) -> float | None:
    """Returns a number as a share of the whole; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        return None
    return float(min(max(value, 0), 1))


def ordinal(number: int) -> str:
    """Returns a place in a queue as people read it, such as ``3rd``."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if 10 < number % 100 < 14 else endings.get(number % 10, 'th')}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """One picture to make, already checked by the host; frozen, so change a copy: `dataclasses.replace`."""

    prompt: str
    model: str
    size: Size | None = None
    """The exact size to make, one that the model declares; None if it declares none."""
    seed: int | None = None
    """0 to the model's `max_seed`; None if the model accepts none."""
    seed_is_drawn: bool = False
    """The host drew the seed, which nobody asked for: it is at most 2**31 - 1, and may be left out."""
    negative_prompt: str | None = None
    images: tuple[InputImage, ...] = ()
    """The pictures to edit or to go by, in the order of the person; as many as the model takes."""
    mask: InputImage | None = None
    """Where the first of `images` may change; None if the model takes no mask, or everywhere."""
    continuation: Any = field(default=None, repr=False)
    """What the result that made the first of `images` gave as its `continuation`, if this model made it."""
    options: Options = field(default_factory=Options)
    """An instance of the class that the model declares."""
    credential: SecretStr | None = field(default=None, repr=False)
    """The secret to use, or its first part; a provider never reads the environment for one."""
    credentials: Mapping[str, SecretStr] = field(default_factory=dict[str, SecretStr], repr=False)
    """Every part of the secret that is set, by the variable that the provider declares."""
    base_url: str | None = None
    """The service's address, if the settings have another than the usual one."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """The other settings that the configuration has for this provider."""
    provider: str = ""
    """The provider's name in the configuration."""
    timeout: float = 300.0
    """Seconds that the host waits before it cancels."""
    on_progress: Callable[[str], None] = field(default=_nobody_listens, repr=False, compare=False)
    on_share: Callable[[float | None], None] = field(default=_nobody_listens, repr=False, compare=False)
    on_preview: Callable[[bytes], None] = field(default=_nobody_listens, repr=False, compare=False)
    on_handle: Callable[[Any], Awaitable[None]] = field(default=_forgets, repr=False, compare=False)
    is_cancelled: Callable[[], bool] = field(default=_never, repr=False, compare=False)
    is_handed_over: Callable[[], bool] = field(default=_never, repr=False, compare=False)

    @property
    def cancelled(self) -> bool:
        """Whether nobody waits for the picture any more: Stop, the deadline, or the end of the server.

        A plain `def` looks at it between its steps, in its thread; an `async def` is cancelled anyway.
        """
        return self.is_cancelled()

    @property
    def handed_over(self) -> bool:
        """Whether the request is cancelled since this process ends, and another asks for what is remembered.

        The job must then go on at the service: do not cancel it there.
        """
        return self.is_handed_over()

    def key_for_header(self, variable: str | None = None) -> str:
        """Returns the credential as text, empty if there is none; raises auth if no header can carry it.

        That is the part of it with the declared variable, if one is named.
        """
        secret = self.credential if variable is None else self.credentials.get(variable)
        key = secret.get_secret_value() if secret else ""
        if not (key.isascii() and key.isprintable()):
            why = "The key has characters that no key has: copy it again, without spaces and line breaks."
            raise ProviderError("auth", why=why, did_not_run=True)
        return key

    def report(self, progress: str, share: float | None = None) -> None:
        """Shows the waiting user what the provider is waiting for; may be called from any thread.

        `share` is how much of the work is done, from 0 to 1, where the service says so: it is shown as a bar.
        What is beyond these is shown as the nearer of the two, and what is no number is left out.
        """
        self.on_share(_share(share))
        self.on_progress(progress)

    def preview(self, data: bytes) -> None:
        """Shows the waiting user how far the picture is, as the bytes of an image file; from any thread.

        Call it as often as you like: the host shows the newest, at most two a second, and stores none.
        """
        self.on_preview(data)

    def remember(self, handle: Any) -> Awaitable[None]:
        """Keeps by what the service knows the job, such as ``{"id": "…"}``; for the hook `resume`.

        Call it as soon as the service has accepted the job, before the first look at it: in an ``async def``
        await it, in a plain ``def`` it returns once the handle is kept. A handle is plain JSON of at most
        10,000 characters, without secrets, and replaces the one before it.
        """
        return self.on_handle(handle)
