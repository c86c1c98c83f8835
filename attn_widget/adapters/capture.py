"""`capture`: record attention while a torch model runs, and put the model back as it was."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING, Any, Self

from attn_widget.errors import AttentionError, named_settings

from . import hooks_huggingface, hooks_torch
from .huggingface import from_huggingface
from .passes import as_parts
from .recording import Collect, Recorder, Undo, collector, find_torch
from .vision import from_vision

if TYPE_CHECKING:
    from types import TracebackType

    from attn_widget.attention import Attention
    from attn_widget.mixing import HeadFusion

    from .parts import Parts

_captured: weakref.WeakSet[Any] = weakref.WeakSet()  # modules that are being recorded now
_lock = threading.Lock()


@named_settings
def capture(
    model: Any, *, heads: HeadFusion | None = None, dtype: Any = None, gradients: bool = False
) -> Capture:
    """Record attention during ordinary forward passes of a torch model.

    A context manager. Hugging Face models of any `attn_implementation` are recorded through the
    library's own attention interface (where an architecture or a version has none, through its
    `output_attentions`); `nn.MultiheadAttention` and timm-style blocks through hooks. The model
    computes what it always does, up to rounding, and afterwards is exactly what it was.

    Parameters
    ----------
    model : torch.nn.Module
        The whole model or the part that is of interest, such as `model.vision_model`.
    heads : as in `layer_maps`, optional
        Fuse the heads of each layer at once, so that memory is O(layers n^2) and not
        O(layers heads n^2). By default every head is kept.
    dtype : torch.dtype or str, optional
        The type to keep, such as "float16". By default the model's own.
    gradients : bool
        Keep the weights in the graph, for gradients with respect to them (see `chefer2021`).

    Returns
    -------
    Capture

    Raises
    ------
    AttentionError
        No torch module, or one that is captured already, or one without any attention.

    Examples
    --------
    ::

        with aw.capture(model, heads="mean") as captured:
            model(**inputs)
        attention = captured.attention(tokenizer=tokenizer)
    """
    return Capture(model, heads=heads, dtype=dtype, gradients=gradients)


class Capture(Recorder):
    """What `capture` records. See there; `attention()` reads it out.

    Attributes
    ----------
    model : the model
    passes : list of Pass
        One entry a forward pass of the model since the recording began.
    """

    def __init__(
        self,
        model: Any,
        *,
        heads: HeadFusion | None = None,
        dtype: Any = None,
        gradients: bool = False,
        collect: Collect | None = None,
    ) -> None:
        torch = find_torch()
        if not isinstance(model, torch.nn.Module):
            message = (
                f"capture() records torch models and was given a {type(model).__name__}: pass the "
                "torch.nn.Module itself, or a part of it."
            )
            raise AttentionError(message)
        super().__init__(model, collect or collector(heads, dtype, gradients=gradients))
        self.fused = heads is not None or collect is not None
        self.wants_values = collect is not None
        self._undo: list[Undo] = []

    def __enter__(self) -> Self:
        with _lock:
            if any(module in _captured for module in self.model.modules()):
                message = (
                    "The model is captured already: use the capture that is there, or leave its "
                    "with block first."
                )
                raise AttentionError(message)
            for module in self.model.modules():
                _captured.add(module)
        self._undo = [self._release]
        try:
            self._install()
        except BaseException:
            self._restore()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._restore()

    def attention(
        self, *, sequences: Any = None, batch: int | None = None, **settings: Any
    ) -> Attention:
        """Read the last forward pass, or the last generation, as an `Attention`.

        Parameters
        ----------
        sequences : tensor, or the output of generate(); optional
            What `generate()` returned, which holds one token more than was fed back. Without it
            the last token that was produced has no name.
        batch : int, optional
            Which text, where there are several.
        **settings
            As in `from_huggingface`; ids and masks are known from the recording. With `image` or
            `grid` as in `from_vision`.
        """
        read = _Read(self, sequences)
        settings = {name: value for name, value in settings.items() if value is not None}
        _, known = self._as_parts(sequences)
        if "pixel_values" in known and "tokens" not in settings:
            settings.setdefault("image", known["pixel_values"])
        if "image" in settings or "grid" in settings:
            return from_vision(read, batch=batch, **settings)
        return from_huggingface(read, batch=batch, **settings)

    def _as_parts(self, sequences: Any = None) -> tuple[Parts, dict[str, Any]]:
        sequences = getattr(sequences, "sequences", sequences)  # the output of generate()
        parts, known = as_parts(self.passes, sequences, rescale=self.fused)
        if "pixel_values" in known:
            configs = (getattr(module, "config", None) for module in self.model.modules())
            sizes = (getattr(config, "patch_size", None) for config in configs)
            known["patch_size"] = next((size for size in sizes if size), None)
        return parts, known

    # --- installing and removing ------------------------------------------------------------

    def _install(self) -> None:
        hooks_torch.run_uncompiled(self._undo)
        found = hooks_huggingface.install(self, self._undo)
        found |= hooks_torch.install(self, self._undo)
        if not found:
            message = (
                f"No attention was found in this {type(self.model).__name__}: capture() knows "
                "Hugging Face models, nn.MultiheadAttention, and blocks with num_heads and "
                "attn_drop as in timm; pass other weights to Attention as an array."
            )
            raise AttentionError(message)

    def _restore(self) -> None:
        while self._undo:
            self._undo.pop()()
        self._open.clear()

    def _release(self) -> None:
        with _lock:
            for module in self.model.modules():
                _captured.discard(module)


class _Read:
    """A capture together with the sequences that it produced."""

    def __init__(self, captured: Capture, sequences: Any) -> None:
        self._captured = captured
        self._sequences = sequences

    def _as_parts(self) -> tuple[Parts, dict[str, Any]]:
        return self._captured._as_parts(self._sequences)  # noqa: SLF001 - its other half
