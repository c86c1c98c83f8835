"""What every public function does with a mistake: one sentence that names it and mends it."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from numbers import Integral
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class AttentionError(ValueError):
    """Something given to this package cannot be used: what it was, what is wanted, what to do."""


class UnknownSettingError(AttentionError, TypeError):
    """A keyword that the function does not have (a `TypeError` too, as Python has it)."""


class FileError(AttentionError, OSError):
    """A file that cannot be read or written (an `OSError` too, as Python has it)."""


def named_settings(function: Callable[P, R]) -> Callable[P, R]:
    """Answer a misspelt keyword with the name that was meant, instead of a bare `TypeError`."""
    parameters = inspect.signature(function).parameters
    names = [name for name in parameters if name != "self"]

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for name in kwargs:
            if name not in parameters:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f"did you mean {close[0]!r}?" if close else f"choose from {_listed(names)}."
                what = function.__qualname__.removesuffix(".__init__")
                message = f"{what}() has no setting named {name!r}: {hint}"
                raise UnknownSettingError(message)
        return function(*args, **kwargs)

    return wrapper


def brief(value: object) -> str:
    """Show a value in an error message: on one line, and shortened where it is long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:59] + "…"


def is_index(value: object) -> bool:
    """Whether `value` is a whole number, Python's or numpy's, and not a boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def check_index(value: object, count: int, name: str) -> int:
    """Check one 0-based index below `count`; `name` says of what, for instance "head"."""
    if not is_index(value):
        message = f"{name} must be a whole number from 0 to {count - 1}, not {brief(value)}."
        raise AttentionError(message)
    index = int(value)  # type: ignore[call-overload]
    if not 0 <= index < count:
        message = f"{name} {index} is out of range: choose one from 0 to {count - 1}."
        raise AttentionError(message)
    return int(index)


def check_tokens(tokens: object, n_tokens: int, name: str) -> tuple[int, ...]:
    """Check a collection of token positions; sorted, each once. `name` is the setting's name."""
    if isinstance(tokens, (str, bytes)) or not isinstance(tokens, Iterable):
        message = f"{name} must be a list of token positions such as [0], not {brief(tokens)}."
        raise AttentionError(message)
    return tuple(sorted({check_index(token, n_tokens, f"{name}: token") for token in tokens}))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
