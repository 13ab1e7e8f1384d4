"""What a provider is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import SecretStr

from limner.options import Options
from limner.size import Size


def _nobody_listens(progress: str) -> None:
    """Drops the progress of a request that nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRequest:
    """One picture to make, checked by the host: frozen, and `dataclasses.replace` makes another."""

    prompt: str
    model: str
    size: Size | None = None
    """The exact size to make, of those that the model declares; None where it declares none."""
    seed: int | None = None
    """0 to 2**32 - 1; None where the model takes none."""
    negative_prompt: str | None = None
    options: Options = field(default_factory=Options)
    """An instance of the class that the model declares."""
    credential: SecretStr | None = field(default=None, repr=False)
    """The secret to use; a provider never reads the environment for one."""
    base_url: str | None = None
    """The service's address where the settings name another than its own."""
    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What else the configuration says for this provider."""
    provider: str = ""
    """The name under which the configuration has the provider."""
    timeout: float = 300.0
    """Seconds that the host waits before it cancels."""
    on_progress: Callable[[str], None] = field(default=_nobody_listens, repr=False, compare=False)

    def report(self, progress: str) -> None:
        """Tells the person who waits what is being waited for; may be called from any thread."""
        self.on_progress(progress)
