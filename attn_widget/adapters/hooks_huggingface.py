"""Record Hugging Face models through the library's attention interface, or through its outputs."""

from __future__ import annotations

import inspect
import sys
import threading
import weakref
from typing import TYPE_CHECKING, Any

from .passes import INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .recording import Recorder, Undo

_NAME = "attn_widget_capture"
_FIELDS = ("attentions", "encoder_attentions", "decoder_attentions", "cross_attentions")

_recorders: weakref.WeakKeyDictionary[Any, Recorder] = weakref.WeakKeyDictionary()
_users = 0  # captures that need the registered function
_lock = threading.Lock()


def pretrained(model: Any) -> Iterator[Any]:
    """The transformers models in a module, itself included."""
    library = sys.modules.get("transformers")  # who has such a model has loaded it
    if library is None:
        return
    for module in model.modules():
        if isinstance(module, library.PreTrainedModel):
            yield module


def install(captured: Recorder, undo: list[Undo]) -> bool:
    """Hook every transformers model in the module; returns whether there was one."""
    models = list(pretrained(captured.model))
    if not models:
        library = sys.modules.get("transformers")
        inside = [m for m in captured.model.modules() if library and _eager_of(m)]
        # A part such as CLIP's vision tower, which is no model of its own before version 5.
        asks = "output_attentions" in inspect.signature(captured.model.forward).parameters
        if not inside and not (asks and hasattr(captured.model, "config")):
            return False
    interface = [m for m in captured.model.modules() if _eager_of(m) is not None]
    roots = models or [captured.model]
    if interface:
        for module in interface:
            _recorders[module] = captured
        undo.append(lambda: [_recorders.pop(module, None) for module in interface])
        _register(undo)
    for config in _configs(captured.model):
        # Asked for weights under sdpa, some add its boolean mask to their scores (Falcon).
        _switch(config, _NAME if interface else "eager", undo)
    for model in roots:
        _hook_model(captured, model, undo, ask=not interface)
    return True


# --- through the interface -----------------------------------------------------------------------


def _eager_of(module: Any) -> Any:
    """The attention function of a module's own file, which it calls when it is set to "eager"."""
    for kind in type(module).__mro__:
        home = sys.modules.get(kind.__module__)
        known = getattr(home, "ALL_ATTENTION_FUNCTIONS", None)
        eager = getattr(home, "eager_attention_forward", None)
        if known is not None and eager is not None and "ttention" in kind.__name__:
            return eager
    return None


def _attend(
    module: Any, query: Any, key: Any, value: Any, attention_mask: Any, *args: Any, **kwargs: Any
) -> Any:
    """Compute attention as the model does when it is set to "eager", and keep the weights."""
    eager = _eager_of(module)
    mask = _additive(module, query, key, attention_mask, kwargs)
    if "output_attentions" in kwargs:  # some hand weights out only then
        kwargs["output_attentions"] = True
    attended, weights = eager(module, query, key, value, mask, *args, **kwargs)
    captured = _recorders.get(module)
    if captured is not None:
        captured.record(module, weights, value)
    return attended, weights


def _additive(module: Any, query: Any, key: Any, mask: Any, kwargs: dict[str, Any]) -> Any:
    """Other implementations get no mask, or a boolean one: eager attention adds its own."""
    import torch

    lowest = torch.finfo(query.dtype).min
    if mask is not None and mask.dtype == torch.bool:
        return torch.zeros_like(mask, dtype=query.dtype).masked_fill_(~mask, lowest)
    causal = kwargs.get("is_causal")
    causal = getattr(module, "is_causal", False) if causal is None else causal
    n, n_keys = query.shape[2], key.shape[2]
    if mask is not None or not causal or n == 1 or n > n_keys:
        return mask
    behind = torch.arange(n_keys - n, n_keys, device=query.device)[:, None] - torch.arange(
        n_keys, device=query.device
    )
    hidden = behind < 0
    if kwargs.get("sliding_window") is not None:
        hidden |= behind >= kwargs["sliding_window"]
    return torch.zeros(1, 1, n, n_keys, dtype=query.dtype, device=query.device).masked_fill_(
        hidden, lowest
    )


def _register(undo: list[Undo]) -> None:
    """Make the function known to the library while any capture needs it."""
    global _users  # noqa: PLW0603 - the library's own register is global
    utils = sys.modules["transformers.modeling_utils"]
    functions = utils.ALL_ATTENTION_FUNCTIONS
    masking = sys.modules.get("transformers.masking_utils")
    tables = [getattr(functions, "_global_mapping", functions)]
    values = [_attend]
    if masking is not None:
        tables.append(masking.ALL_MASK_ATTENTION_FUNCTIONS._global_mapping)  # noqa: SLF001
        values.append(masking.eager_mask)
    with _lock:
        _users += 1
        for table, value in zip(tables, values, strict=True):
            table[_NAME] = value

    def unregister() -> None:
        global _users  # noqa: PLW0603
        with _lock:
            _users -= 1
            if not _users:
                for table in tables:
                    table.pop(_NAME, None)

    undo.append(unregister)


def _configs(model: Any) -> list[Any]:
    """Every configuration object that a module of the model holds."""
    found: dict[int, Any] = {}
    for module in model.modules():
        config = getattr(module, "config", None)
        if hasattr(config, "_attn_implementation_internal") or hasattr(config, "to_dict"):
            found[id(config)] = config
    return list(found.values())


def _switch(config: Any, name: str, undo: list[Undo]) -> None:
    field = "_attn_implementation_internal"
    had, before = field in vars(config), vars(config).get(field)
    vars(config)[field] = name

    def put_back() -> None:
        if had:
            vars(config)[field] = before
        else:
            vars(config).pop(field, None)

    undo.append(put_back)


# --- the models around it ------------------------------------------------------------------------


def _hook_model(captured: Recorder, model: Any, undo: list[Undo], *, ask: bool) -> None:
    """Note where passes begin and end and what goes in; `ask` for attention in the output."""
    signature = inspect.signature(model.forward)
    extra = [p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD]
    pending: list[tuple[bool, bool]] = []  # whether the caller wanted attention, and a tuple

    def begin(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        try:
            known = dict(signature.bind_partial(*args, **kwargs).arguments)
        except TypeError:
            known = dict(kwargs)  # the model will complain better
        for name in extra:
            known.update(known.pop(name, {}))
        inputs = {name: known[name] for name in INPUTS if hasattr(known.get(name), "shape")}
        outermost = captured.begin(module, inputs)
        if not (ask and outermost):
            pending.append((True, False))
            return None
        config = module.config
        wanted = known.get("output_attentions")
        as_dict = known.get("return_dict")
        pending.append(
            (
                bool(config.output_attentions if wanted is None else wanted),
                as_dict is False or (as_dict is None and config.return_dict is False),
            )
        )
        return (), {**known, "output_attentions": True, "return_dict": True}

    def end(module: Any, _args: Any, _kwargs: Any, output: Any) -> Any:
        wanted, as_tuple = pending.pop() if pending else (True, False)
        outermost = captured.end(failed=output is None)
        if not (ask and outermost) or output is None:  # None: the forward pass raised
            return None
        _keep(captured, module, output)
        if not wanted:
            output = type(output)(**{k: v for k, v in output.items() if k not in _FIELDS})
        return output.to_tuple() if as_tuple else output

    undo.append(model.register_forward_pre_hook(begin, with_kwargs=True).remove)
    undo.append(model.register_forward_hook(end, with_kwargs=True, always_call=True).remove)


def _keep(captured: Recorder, module: Any, output: Any) -> None:
    """Keep what an older model returned, under names that tell the sides apart."""
    name = captured.name_of(module)
    prefix = f"{name}." if name else ""
    for field, side in zip(_FIELDS, ("", "encoder.", "decoder.", "decoder.cross."), strict=True):
        layers = getattr(output, field, None)
        if layers is not None:
            captured.record_output((prefix + side).rstrip(".") or "layers", layers)
    for side in ("text_model", "vision_model"):  # as CLIP returns them
        layers = getattr(getattr(output, f"{side}_output", None), "attentions", None)
        if layers is not None:
            captured.record_output(prefix + side, layers)
