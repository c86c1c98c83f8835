"""Record plain torch modules: `nn.MultiheadAttention` and blocks made like timm's."""

from __future__ import annotations

import inspect
import sys
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .recording import Recorder, Undo

_stances: list[Any] = []  # what compiled models were told to do before the first capture of now
_users = 0  # captures of now
_lock = threading.Lock()


def run_uncompiled(undo: list[Undo]) -> None:
    """Let models that torch.compile made run as they were written: hooks are no part of a graph."""
    compiler: Any = sys.modules.get("torch.compiler")
    if "torch._dynamo" not in sys.modules or not hasattr(compiler, "set_stance"):
        return  # nothing is compiled; before torch 2.6 there is no such switch

    def leave() -> None:
        global _users  # noqa: PLW0603 - the compiler's own switch is global
        with _lock:
            _users -= 1
            if not _users:
                _stances.pop().__exit__(None, None, None)

    global _users  # noqa: PLW0603
    with _lock:
        _users += 1
        if _users == 1:
            _stances.append(compiler.set_stance("force_eager"))
    undo.append(leave)


def install(captured: Recorder, undo: list[Undo]) -> bool:
    """Hook every attention module that is known; returns whether there was one."""
    import torch

    found = False
    for module in captured.model.modules():
        if isinstance(module, torch.nn.MultiheadAttention):
            _hook_multihead(captured, module, undo)
            found = True
        elif is_timm_like(module):
            _hook_timm(captured, module, undo)
            found = True
    if found:
        # The fused kernels of torch's own encoder layers return no weights.
        fast = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        undo.append(lambda: torch.backends.mha.set_fastpath_enabled(fast))
        if not _is_pretrained(captured.model):
            _hook_root(captured, undo)
    return found


def _is_pretrained(model: Any) -> bool:
    from .hooks_huggingface import pretrained

    return any(True for _ in pretrained(model))


def _hook_root(captured: Recorder, undo: list[Undo]) -> None:
    def begin(module: Any, _args: Any) -> None:
        captured.begin(module, {})

    def end(_module: Any, _args: Any, output: Any) -> None:
        captured.end(failed=output is None)

    undo.append(captured.model.register_forward_pre_hook(begin).remove)
    undo.append(captured.model.register_forward_hook(end, always_call=True).remove)


def _hook_multihead(captured: Recorder, module: Any, undo: list[Undo]) -> None:
    import torch

    signature = inspect.signature(torch.nn.MultiheadAttention.forward)
    asked: list[tuple[bool, bool, Any]] = []

    def ask(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        bound = signature.bind(module, *args, **kwargs)
        bound.apply_defaults()
        given = dict(bound.arguments)
        given.pop("self")
        wanted, averaged = bool(given["need_weights"]), bool(given["average_attn_weights"])
        asked.append((wanted, averaged, given["value"]))
        given.update(need_weights=True, average_attn_weights=False)
        return (), given

    def read(module: Any, _args: Any, _kwargs: Any, output: Any) -> Any:
        wanted, averaged, source = asked.pop()
        attended, weights = output
        batched = weights if weights.ndim == 4 else weights[None]
        captured.record(module, batched, _values(module, source) if captured.wants_values else None)
        if not wanted:
            return attended, None
        return attended, weights.mean(dim=-3) if averaged else weights

    undo.append(module.register_forward_pre_hook(ask, with_kwargs=True).remove)
    undo.append(module.register_forward_hook(read, with_kwargs=True).remove)


def _values(module: Any, source: Any) -> Any:
    """The value vectors of each head, (batch, heads, keys, size of a head)."""
    import torch

    if source.ndim == 2:
        source = source[None]
    elif not module.batch_first:
        source = source.transpose(0, 1)
    size = module.embed_dim
    weight = (
        module.v_proj_weight if module.in_proj_weight is None else module.in_proj_weight[-size:]
    )
    bias = None if module.in_proj_bias is None else module.in_proj_bias[-size:]
    values = torch.nn.functional.linear(source, weight, bias)
    return values.unflatten(-1, (module.num_heads, -1)).transpose(1, 2)


def is_timm_like(module: Any) -> bool:
    """Whether a module drops out its softmax in a submodule `attn_drop`, as timm's blocks do."""
    import torch

    dropout = getattr(module, "attn_drop", None)
    return isinstance(dropout, torch.nn.Module) and hasattr(module, "num_heads")


def _hook_timm(captured: Recorder, module: Any, undo: list[Undo]) -> None:
    if "fused_attn" in vars(module):  # the fused kernel returns no weights: take the other branch
        fused = module.fused_attn
        module.fused_attn = False

        def put_back() -> None:
            module.fused_attn = fused

        undo.append(put_back)

    def read(_dropout: Any, args: tuple[Any, ...]) -> None:
        captured.record(module, args[0])

    undo.append(module.attn_drop.register_forward_pre_hook(read).remove)
