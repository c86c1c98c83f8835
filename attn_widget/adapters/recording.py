"""What is recorded while a torch model runs: the passes, and what is kept of each layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attn_widget.errors import AttentionError, brief
from attn_widget.mixing import check_heads

from .passes import Pass

if TYPE_CHECKING:
    from attn_widget.mixing import HeadFusion

Undo = Callable[[], object]
Collect = Callable[[Any, Any, Any], Any]


class Recorder:
    """Sorts what the hooks see into passes.

    Parameters
    ----------
    model : torch.nn.Module
    collect : callable (module, weights, value)
        What to keep of a layer; weights are (batch, heads, queries, keys).

    Attributes
    ----------
    passes : list of Pass
        One entry a forward pass of the model since the recording began.
    """

    wants_values = False  # whether `collect` needs value vectors as well

    def __init__(self, model: Any, collect: Collect) -> None:
        self.model = model
        self.passes: list[Pass] = []
        self._collect = collect
        self._open: list[tuple[str, Pass]] = []  # models that are running, the outermost first
        self._names = {module: name for name, module in model.named_modules()}

    def begin(self, module: Any, inputs: dict[str, Any]) -> bool:
        """Note that a model (or a model within it) starts; returns whether it is the outermost."""
        outermost = not self._open
        if outermost:
            self.passes.append(Pass())
        name = self._names.get(module, "")
        self.passes[-1].inputs[name] = inputs
        self._open.append((name, self.passes[-1]))
        return outermost

    def end(self, *, failed: bool = False) -> bool:
        """Note that it is done; returns whether it was the outermost. Half a pass is forgotten."""
        if self._open:
            self._open.pop()
        if not self._open and self.passes:
            self.passes[-1].closed = True
            if failed:
                self.passes.pop()
        return not self._open

    def name_of(self, module: Any) -> str:
        """The name of a module within the model."""
        name: str = self._names.get(module, "")
        return name

    def record(self, module: Any, weights: Any, value: Any = None) -> None:
        """Keep the weights of one attention module, shape (batch, heads, queries, keys)."""
        name = self._names.get(module, "")
        if not self._open and (
            not self.passes or self.passes[-1].closed or name in self.passes[-1]
        ):
            self.passes.append(Pass())  # a part was called on its own
        self.passes[-1].add(name, self._collect(module, weights, value))

    def record_output(self, name: str, layers: Any) -> None:
        """Keep a tuple of layers that a model returned."""
        for index, weights in enumerate(layers or ()):
            kept = None if weights is None else self._collect(None, weights, None)
            self.passes[-1].add(f"{name}.{index}", kept)


def find_torch() -> Any:
    """Import torch, or say how to get it."""
    try:
        import torch
    except ImportError:
        message = "capture() needs torch: install it with pip install 'attn-widget[torch]'."
        raise AttentionError(message) from None
    return torch


def collector(heads: HeadFusion | None, dtype: Any, *, gradients: bool) -> Collect:
    """What is kept of each layer's weights: a copy on the CPU, the heads fused if wished."""
    torch = find_torch()
    kept = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if dtype is not None and not (isinstance(kept, torch.dtype) and kept.is_floating_point):
        message = f"dtype must be a float type of torch such as 'float16', not {brief(dtype)}."
        raise AttentionError(message)
    if gradients and (heads is not None or dtype is not None):
        message = "Gradients need the weights as they are: leave out heads and dtype."
        raise AttentionError(message)

    def collect(_module: Any, weights: Any, _value: Any) -> Any:
        if gradients:
            if weights.requires_grad:
                weights.retain_grad()
            return weights
        detached = weights.detach()
        if heads is not None:
            refuse_dropout(detached)  # once fused, rows need not sum to 1
            detached = fuse(detached, heads).to(kept or detached.dtype)
        elif kept is not None:
            detached = detached.to(kept)
        return detached.cpu()

    return collect


def refuse_dropout(weights: Any) -> None:
    """Refuse rows that sum to more than 1: dropout scales up what it leaves."""
    total = float(weights.sum(dim=-1).max())
    if total > 1.02:  # bfloat16 alone is off by less
        message = (
            f"A row of the recorded attention sums to {total:.3g}, as dropout makes it: call "
            "model.eval() before the model runs."
        )
        raise AttentionError(message)


def fuse(weights: Any, heads: HeadFusion) -> Any:
    """Fuse the heads of (batch, heads, queries, keys) to (batch, 1, queries, keys), in float32."""
    torch = find_torch()
    chosen = check_heads(heads, weights.shape[1])
    wide = torch.promote_types(weights.dtype, torch.float32)
    if chosen == "max":
        return weights.amax(dim=1, keepdim=True)
    if chosen == "min":
        return weights.amin(dim=1, keepdim=True)
    if chosen == "mean":
        return weights.mean(dim=1, keepdim=True, dtype=wide)
    if isinstance(chosen, int):
        return weights[:, chosen : chosen + 1].clone()
    shares = dict(chosen) if isinstance(chosen, Mapping) else dict.fromkeys(chosen, 1.0)
    total = sum(shares.values())
    out = torch.zeros_like(weights[:, :1], dtype=wide)
    for head, share in shares.items():
        out += weights[:, head : head + 1].to(wide) * (share / total)
    return out
