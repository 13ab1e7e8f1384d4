"""From what a person asked to what a provider gets: checked, completed, and every change noted."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from pydantic import ValidationError

from core.asked import MOST_SEED, Asked
from core.failures import Refused
from core.registry import Provider, Registry
from core.settings import Settings
from core.thread import Notice
from limner import ModelInfo, Options, Size, SizeRange


@dataclass(frozen=True)
class Resolved:
    """A request that fits its model; `notices` tell how it differs from what was asked."""

    provider: Provider
    model: ModelInfo
    prompt: str
    size: Size | None
    seed: int | None
    negative_prompt: str | None
    options: Options
    notices: list[Notice]


def resolve(asked: Asked, registry: Registry, settings: Settings) -> Resolved:
    """Fits what was asked to the chosen model; raises Refused with a sentence where that misleads."""
    provider = _provider(asked.provider or settings.provider, registry)
    model = provider.info.model(asked.model)
    if model is None:
        offered = ", ".join(model.id for model in provider.info.models)
        raise Refused(f"{provider.label} has no model {asked.model!r}: choose one of {offered}.")
    notices: list[Notice] = []
    return Resolved(
        provider=provider,
        model=model,
        prompt=_prompt(asked.prompt, settings.longest_prompt),
        size=_size(asked.size, model, notices),
        seed=_seed(asked.seed, model, notices),
        negative_prompt=_negative_prompt(asked.negative_prompt, model, settings.longest_prompt, notices),
        options=_options(asked, provider, model),
        notices=notices,
    )


def _provider(name: str, registry: Registry) -> Provider:
    provider = registry.get(name)
    if provider is not None:
        return provider
    broken = registry.fault_of(name)
    if broken is not None:
        raise Refused(f"The provider {name} cannot be used. {broken.fault}")
    names = ", ".join(provider.name for provider in registry)
    raise Refused(f"There is no provider {name!r} here: choose one of {names}.")


def _prompt(prompt: str, longest: int) -> str:
    prompt = prompt.strip()
    if not prompt:
        raise Refused("The prompt is empty: describe the picture that you want.")
    return _bounded("prompt", prompt, longest)


def _bounded(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise Refused(f"The {what} has {len(text):,} characters: shorten it to {longest:,}.")
    if any(ord(character) < 32 and character not in "\n\t\r" for character in text):
        raise Refused(f"The {what} has control characters in it: remove them.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refused(f"The {what} has characters that are no text: remove them.") from None
    return text


def _negative_prompt(text: str | None, model: ModelInfo, longest: int, notices: list[Notice]) -> str | None:
    text = (text or "").strip()
    if not text:
        return None
    if not model.negative_prompt:
        notices.append(
            Notice(
                feature="negative_prompt", details=f"{model.name} takes no negative prompt; it was left out."
            )
        )
        return None
    return _bounded("negative prompt", text, longest)


def _seed(seed: int | None, model: ModelInfo, notices: list[Notice]) -> int | None:
    if seed is not None and not 0 <= seed <= MOST_SEED:
        raise Refused(f"The seed {seed} is out of range: choose a whole number from 0 to {MOST_SEED}.")
    if model.seed:
        return secrets.randbelow(MOST_SEED + 1) if seed is None else seed
    if seed is not None:
        notices.append(Notice(feature="seed", details=f"{model.name} takes no seed; it was left out."))
    return None


def _options(asked: Asked, provider: Provider, model: ModelInfo) -> Options:
    declared = provider.info.options_of(model)
    try:
        return declared.model_validate(asked.options)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            takes = ", ".join(declared.model_fields) or "none"
            raise Refused(f"{model.name} has no option {name!r}; its options are: {takes}.") from None
        raise Refused(f"The option {name} is wrong: {first['msg'].removeprefix('Value error, ')}.") from None


def _size(asked: str | None, model: ModelInfo, notices: list[Notice]) -> Size | None:
    if not asked:
        return model.default_size
    wanted, is_ratio = _read_size(asked)
    if not model.sizes:
        notices.append(
            Notice(feature="size", details=f"{model.name} decides the size by itself; {asked} was left out.")
        )
        return None
    size = fit(wanted, model.sizes, by_ratio=is_ratio)
    if is_ratio:
        if abs(size.ratio / wanted.ratio - 1) > 0.01:
            notices.append(
                Notice(feature="size", details=f"{asked} became {size}, the nearest that {model.name} takes.")
            )
    elif size != wanted:
        notices.append(
            Notice(feature="size", details=f"{wanted} became {size}, the nearest that {model.name} takes.")
        )
    return size


def _read_size(text: str) -> tuple[Size, bool]:
    """Reads a size, or a ratio as a size whose proportions are all that counts."""
    try:
        if ":" in text:
            return Size.parse(text.replace(":", "x")), True
        return Size.parse(text), False
    except ValueError:
        raise Refused(
            f"The size {text[:40]!r} is not clear: write it as 1024x768, or a ratio such as 3:2."
        ) from None


def fit(wanted: Size, sizes: tuple[Size, ...] | SizeRange, *, by_ratio: bool) -> Size:
    """Gives the nearest size that a model takes: by proportions first, then by area."""
    if isinstance(sizes, SizeRange):
        return _fit_range(wanted, sizes, by_ratio=by_ratio)
    area = sizes[0].pixels if by_ratio else wanted.pixels

    def distance(size: Size) -> tuple[float, int]:
        proportions = max(size.ratio, wanted.ratio) / min(size.ratio, wanted.ratio)
        return (round(proportions, 3), abs(size.pixels - area))

    return min(sizes, key=distance)


def _fit_range(wanted: Size, sizes: SizeRange, *, by_ratio: bool) -> Size:
    if not by_ratio and sizes.takes(wanted):
        return wanted
    ratio = min(max(wanted.ratio, 1 / sizes.widest), sizes.widest)
    area = sizes.default.pixels if by_ratio else wanted.pixels
    if sizes.most_pixels is not None:
        area = min(area, sizes.most_pixels)
    width, height = (area * ratio) ** 0.5, (area / ratio) ** 0.5
    scale = min(1, sizes.longest / max(width, height)) * max(1, sizes.shortest / min(width, height))
    nearby = [
        Size(across, down)
        for across in _steps(width * scale, sizes)
        for down in _steps(height * scale, sizes)
        if sizes.takes(Size(across, down))
    ]
    return min(nearby, key=lambda size: _off(size, ratio, area), default=sizes.default)


def _steps(side: float, sizes: SizeRange) -> list[int]:
    """The sides that the range takes next to a wanted one."""
    nearest = round(side / sizes.step)
    steps = {step * sizes.step for step in range(nearest - 2, nearest + 3)}
    return sorted(step for step in steps if sizes.shortest <= step <= sizes.longest)


def _off(size: Size, ratio: float, area: int) -> float:
    """How far a size is from the wanted proportions and, less so, from the wanted area."""
    return abs(size.ratio / ratio - 1) * 4 + abs(size.pixels / area - 1)
