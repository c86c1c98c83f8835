"""The items of a corpus: attentions, files, or texts with a model. Read lazily, a chunk at a time.

What cannot be read is that item's error and nobody else's.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import weakref
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .attention import Attention, as_attention
from .errors import AttentionError, brief

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_SAMPLED = 256  # numbers of an array that tell it from another


class Example(NamedTuple):
    """One item as a worker reads it; `attention` is None where there is an error, or no need."""

    attention: Attention | None
    error: str | None
    text: str | None


class Reader(NamedTuple):
    """How items are read: what the run was given beside them."""

    model: Any = None
    tokenizer: Any = None
    batch: int = 8

    def is_text(self, item: Any) -> bool:
        """Whether an item is a text: a string is one where there is a model, else a path."""
        return isinstance(item, str) and self.model is not None

    def is_file(self, item: Any) -> bool:
        """Whether an item is the path of a file."""
        return isinstance(item, os.PathLike) or (isinstance(item, str) and self.model is None)

    def origin(self, item: Any) -> str | None:
        """Return the text or the path that an item is, None for an attention."""
        return os.fspath(item) if isinstance(item, str | os.PathLike) else None

    def sent(self, item: Any) -> Any:
        """Return what is sent to a worker, whose working folder may be another one."""
        return Path(item).absolute() if self.is_file(item) else item

    def read(self, items: Sequence[Any]) -> Iterator[Example]:
        """Read items in their order; only the texts of one batch are in memory together."""
        for begin in range(0, len(items), max(1, self.batch)):
            group = items[begin : begin + max(1, self.batch)]
            texts = [item for item in group if self.is_text(item)]
            found = iter(self._texts(texts)) if texts else iter(())
            for item in group:
                yield next(found) if self.is_text(item) else self._one(item)

    def texts(self, items: Sequence[Any]) -> Iterator[Example]:
        """Pass texts on as they are, for what runs the model itself."""
        return (Example(None, None, item if self.is_text(item) else None) for item in items)

    def _one(self, item: Any) -> Example:
        try:
            if self.is_file(item):
                from .files import load

                return Example(load(item), None, None)
            return Example(as_attention(item), None, None)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it is recorded
            return Example(None, one_line(error), None)

    def _texts(self, texts: Sequence[str]) -> list[Example]:
        if len(texts) > 1 and self._pads():
            try:
                read = forward(self.model, self.tokenizer, texts)
                return [Example(one, None, text) for one, text in zip(read, texts, strict=True)]
            except Exception:  # noqa: BLE001, S110 - one by one shows whose error it is
                pass
        out = []
        for text in texts:
            try:
                out.append(Example(forward(self.model, self.tokenizer, [text])[0], None, text))
            except Exception as error:  # noqa: BLE001
                out.append(Example(None, one_line(error), text))
        return out

    def _pads(self) -> bool:
        return is_torch(self.model) and getattr(self.tokenizer, "pad_token", None) is not None


def check_model(model: Any, tokenizer: Any) -> None:
    """Refuse what cannot turn a text into an attention."""
    if model is None:
        return
    if is_torch(model):
        if tokenizer is None:
            message = (
                f"The {type(model).__name__} was given without its tokenizer: pass tokenizer=, "
                "or as model a function that turns a text into an Attention."
            )
            raise AttentionError(message)
        if model.training:
            message = (
                f"The {type(model).__name__} is in training mode, where dropout makes its "
                "attention random: call model.eval() first."
            )
            raise AttentionError(message)
    elif not callable(model):
        message = (
            f"model is {brief(model)}: give a torch model with its tokenizer, or a function that "
            "turns a text into an Attention."
        )
        raise AttentionError(message)


def is_torch(model: Any) -> bool:
    """Whether this is a torch module; torch is recognised, not imported."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(model, torch.nn.Module)


_locks: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
_locks_lock = threading.Lock()


def forward(model: Any, tokenizer: Any, texts: Sequence[str]) -> list[Attention]:
    """Run a model on texts, padded to one length; the padding is cropped again.

    One thread at a time: torch has threads of its own, and a model is recorded by one at a time.
    """
    if not is_torch(model):
        return [as_attention(model(text)) for text in texts]
    import torch

    from .adapters.capture import capture

    with _locks_lock:
        lock = _locks.setdefault(model, threading.Lock())
    inputs = tokenizer(list(texts), return_tensors="pt", padding=len(texts) > 1)
    device = next((p.device for p in model.parameters()), None)
    if device is not None:
        inputs = inputs.to(device)
    with lock, capture(model) as captured, torch.inference_mode():
        model(**inputs)
    return [captured.attention(tokenizer=tokenizer, batch=row) for row in range(len(texts))]


def chunks(items: Any, size: int) -> Iterator[list[Any]]:
    """Cut items into lists of `size`; takes one more only when the one before is asked for."""
    if isinstance(items, (str, bytes, os.PathLike, Attention, Mapping)) or not isinstance(
        items, Iterable
    ):
        message = (
            f"items is {brief(items)}: give a list or an iterator of attentions, of files or, with "
            "a model, of texts."
        )
        raise AttentionError(message)
    taken = iter(items)
    return iter(lambda: list(islice(taken, size)), [])


def digest(items: Iterable[Any], reader: Reader) -> str:
    """Tell one chunk of items from another: texts whole, files by size, weights by a sample."""
    state = hashlib.blake2b(digest_size=16)
    for item in items:
        state.update(b"\0item")
        if isinstance(item, str | os.PathLike):
            state.update(os.fspath(item).encode("utf-8", "surrogatepass"))
            if reader.is_file(item) and Path(item).is_file():
                state.update(str(Path(item).stat().st_size).encode())
            continue
        if isinstance(item, Attention):
            state.update("\0".join(item.tokens).encode("utf-8", "surrogatepass"))
            item = item.weights  # noqa: PLW2901
        state.update(_sample(item))
    return state.hexdigest()


def identity(model: Any) -> dict[str, Any] | None:
    """Tell one model from another: its class, its size, and a sample of its parameters."""
    if model is None:
        return None
    if not is_torch(model):
        return code_identity(model)
    state = hashlib.blake2b(digest_size=16)
    count = 0
    for name, parameter in model.named_parameters():
        flat = parameter.detach().reshape(-1)
        count += int(flat.numel())
        step = max(1, flat.numel() // 16)
        state.update(name.encode() + flat[::step].float().cpu().numpy().tobytes())
    return {
        "name": f"{type(model).__module__}.{type(model).__qualname__}",
        "parameters": count,
        "digest": state.hexdigest(),
    }


def code_identity(function: Any) -> dict[str, Any]:
    """Tell one function from another: its name and its compiled code."""
    inner = getattr(function, "func", function)  # a partial
    if not hasattr(inner, "__code__"):  # an object that can be called
        inner = type(inner).__call__
    state = hashlib.blake2b(digest_size=16)
    _hash_code(getattr(inner, "__code__", None), state)
    partly = [*getattr(function, "args", ()), *getattr(function, "keywords", {}).items()]
    state.update(brief(partly).encode("utf-8", "replace") if partly else b"")
    name = getattr(inner, "__qualname__", type(function).__qualname__)
    return {"name": name, "digest": state.hexdigest()}


def _hash_code(code: Any, state: Any) -> None:
    if code is None:
        return
    state.update(code.co_code + repr(code.co_names).encode())
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            _hash_code(constant, state)
        else:
            state.update(repr(constant).encode("utf-8", "surrogatepass"))


def _sample(array: Any) -> bytes:
    shape = getattr(array, "shape", None)
    if not isinstance(array, np.ndarray):
        return f"{type(array).__name__} {tuple(shape) if shape is not None else ''}".encode()
    flat = array.reshape(-1)
    return f"{array.shape} {array.dtype}".encode() + bytes(
        np.ascontiguousarray(flat[:: max(1, flat.size // _SAMPLED)]).tobytes()
    )


def one_line(error: BaseException) -> str:
    """Return an error as one line of text; this package's own are sentences already."""
    text = " ".join(str(error).split())
    if isinstance(error, AttentionError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
