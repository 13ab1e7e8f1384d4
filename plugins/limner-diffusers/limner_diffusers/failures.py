"""Turns what torch, diffusers and the Hub raise into errors that say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from limner import LimnerError, ProviderError
from limner.errors import Category

CHECK = "check the name, or choose another model"


@contextmanager
def explained(model: str) -> Iterator[None]:
    """Raises a ProviderError for what is known to go wrong: nothing was made, and nothing is billed."""
    try:
        yield
    except LimnerError:
        raise
    except Exception as error:
        known = known_failure(error, model)
        if known is None:
            raise
        category, why = known
        raise ProviderError(category, why=why, did_not_run=True) from error


def known_failure(error: Exception, model: str) -> tuple[Category, str] | None:
    """Returns the category of a failure and a sentence for the person; None if nobody knows what it is."""
    if isinstance(error, ImportError):
        module = (error.name or "a library").partition(".")[0]
        return (
            "provider",
            f"{module} is missing, or cannot be used: `pip install limner-diffusers` brings it.",
        )
    chain = list(_chain(error))
    if any(_runs_out_of_memory(one) for one in chain):
        return "provider", "The memory is too small for it: choose a smaller size, or a smaller model."
    return _of_the_hub(chain, model) or _of_a_pipeline(chain, model)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yields an error, and those that led to it."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _runs_out_of_memory(error: BaseException) -> bool:
    import torch

    words = str(error)
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in words or "not enough memory" in words)
    )


def _of_the_hub(chain: list[BaseException], model: str) -> tuple[Category, str] | None:
    from huggingface_hub import errors

    for error in chain:
        if isinstance(error, errors.GatedRepoError):
            return "auth", (
                f"{model} asks for your consent first: accept its terms at https://huggingface.co/{model}, "
                f"and set HF_TOKEN to a token of that account."
            )
        if isinstance(error, errors.RepositoryNotFoundError):
            return "invalid-request", (
                f"The Hub has no model {model}, or keeps it private: {CHECK}; "
                f"for a private one set HF_TOKEN to a token that may read it."
            )
        if isinstance(error, errors.RemoteEntryNotFoundError):
            return "invalid-request", f"{model} is no pipeline of diffusers: {CHECK}."
        if isinstance(error, errors.HfHubHTTPError):
            if error.response is not None and error.response.status_code in (401, 403):
                return "auth", "The Hub rejected the token in HF_TOKEN: set a valid one, or none."
            return "unavailable", "The Hub does not answer as it should: try again later."
        if isinstance(error, errors.OfflineModeIsEnabled) or _is_of_the_connection(error):
            return "unavailable", (
                f"The Hub cannot be reached, and {model} is not on this machine: check the connection, or "
                f"name the folder that has the model."
            )
        if isinstance(error, errors.HFValidationError):
            return "invalid-request", f"{model} is neither a model's id nor a folder: {CHECK}."
    return None


def _is_of_the_connection(error: BaseException) -> bool:
    """Whether it is a failed connection, in httpx or httpx2: which one the Hub's client has depends on it."""
    return any(kind.__name__ == "TransportError" for kind in type(error).__mro__)


def _of_a_pipeline(chain: list[BaseException], model: str) -> tuple[Category, str] | None:
    words = str(chain[0])
    if isinstance(chain[0], ValueError) and "AutoPipeline can't find a pipeline" in words:
        return "invalid-request", (
            f"{model} makes no pictures in this way: if it only edits, add a picture; else choose another."
        )
    if isinstance(chain[0], OSError) and "model_index.json" in words:
        return "invalid-request", f"{model} is no pipeline of diffusers: {CHECK}."
    if isinstance(chain[0], OSError):
        return "invalid-request", (
            f"{model} cannot be loaded: a file is missing, or broken, or not in the form safetensors."
        )
    return None
