"""Contributions in place of raw weights, named after the papers that proposed them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from attn_widget.errors import AttentionError, brief, check_index, is_index, named_settings

from .capture import Capture
from .recording import find_torch, refuse_dropout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attn_widget.attention import Attention

# What the projection after the heads is called, in the module itself or beside it.
_OUTPUT = ("o_proj", "out_proj", "o", "c_proj", "out_lin", "output.dense", "dense", "proj", "wo")


@named_settings
def chefer2021(
    model: Any,
    inputs: Any,
    *,
    target: int | Callable[[Any], Any] | None = None,
    tokenizer: Any = None,
    batch: int | None = None,
    tokens: Any = None,
) -> Attention:
    """Gradient-weighted attention: `relu(gradient * attention)`, head by head.

    The weights that speak for one output of the model, after Chefer, Gur & Wolf, "Generic
    Attention-model Explainability for Interpreting Bi-Modal and Encoder-Decoder Transformers",
    ICCV 2021, equation 5: `mean over heads of relu(dy/dA * A)`. Here rows are rescaled to 1 once
    heads are fused, as in every layer map, and the residual is mixed in as always (0.5 is the
    paper's "add the identity", normalised); a row that nothing speaks for is the identity row.

    Parameters
    ----------
    model : torch.nn.Module
    inputs : mapping or tensor
        What the model is called with: `model(**inputs)` or `model(inputs)`.
    target : int, callable or None
        What is explained: one class (of a language model: one token after the last), a callable
        that takes the model's output and returns a scalar, or by default the largest logit.
    tokenizer, batch, tokens
        As in `from_huggingface`. A vision model's patches and image are known without.

    Returns
    -------
    Attention
        Not attention but contributions: every head as it is, rows that need not sum to 1.

    Raises
    ------
    AttentionError
        An output without logits and no target, or one that does not depend on attention.
    """
    torch = find_torch()
    captured = Capture(model, gradients=True)
    with torch.enable_grad(), _with_gradients(model):
        with captured:
            outputs = _call(model, inputs)
        value = _target(outputs, target, inputs, batch)
        records = [weights for one in captured.passes for _, weights in one.records]
        linked = [weights for weights in records if weights.requires_grad]
        slopes: dict[int, Any] = {}
        if linked and value.requires_grad:
            found = torch.autograd.grad(value, linked, allow_unused=True)
            slopes = dict(zip(map(id, linked), found, strict=True))
        if all(slope is None for slope in slopes.values()):
            message = (
                "The target does not depend on the recorded weights: give a target computed from "
                "this model's output (nn.MultiheadAttention hands out copies of its weights and "
                "cannot be weighted so)."
            )
            raise AttentionError(message)
        for one in captured.passes:
            one.records = [(name, _weigh(w, slopes.get(id(w)))) for name, w in one.records]
    captured.fused = True
    return captured.attention(tokenizer=tokenizer, batch=batch, tokens=tokens)


@named_settings
def kobayashi2020(
    model: Any,
    inputs: Any,
    *,
    per_head: bool = False,
    tokenizer: Any = None,
    batch: int | None = None,
    tokens: Any = None,
) -> Attention:
    """Norm-weighted attention: the length of what is read instead of the weight it is read with.

    After Kobayashi, Kuribayashi, Yokoi & Inui, "Attention is Not Only a Weight: Analyzing
    Transformers with Vector Norms", EMNLP 2020: `|| sum over heads of A_h[q, k] f_h(x_k) ||` with
    `f_h(x) = (x W_V + b_V) W_O`, head h's part of the output projection. Rows are rescaled to 1.

    Parameters
    ----------
    model : torch.nn.Module
    inputs : mapping or tensor
        What the model is called with: `model(**inputs)` or `model(inputs)`.
    per_head : bool
        Each head's own norms `|| A_h[q, k] f_h(x_k) ||`, in place of those of their sum.
    tokenizer, batch, tokens
        As in `from_huggingface`. A vision model's patches and image are known without.

    Returns
    -------
    Attention
        Not attention but contributions; one head, unless `per_head`.

    Raises
    ------
    AttentionError
        A model whose values or whose output projection are out of reach. Before transformers 5
        BERT, RoBERTa, DistilBERT and T5 are such models, before 4.48 every Hugging Face model is.
    """
    torch = find_torch()

    def collect(module: Any, weights: Any, value: Any) -> Any:
        if value is None:
            message = (
                "The value vectors of this model are out of reach: norms need "
                "nn.MultiheadAttention or a Hugging Face model that uses the library's attention "
                "interface, which BERT, RoBERTa, DistilBERT and T5 do from transformers 5 on."
            )
            raise AttentionError(message)
        return _norms(weights, value, _projection(captured, module, value), per_head=per_head)

    captured = Capture(model, collect=collect)
    with torch.no_grad(), captured:
        _call(model, inputs)
    return captured.attention(tokenizer=tokenizer, batch=batch, tokens=tokens)


def _call(model: Any, inputs: Any) -> Any:
    if isinstance(inputs, Mapping):
        return model(**inputs)
    if isinstance(inputs, find_torch().Tensor):
        return model(inputs)
    message = (
        f"inputs is a {type(inputs).__name__}: give the tensors that the model is called with, for "
        'instance tokenizer(text, return_tensors="pt").'
    )
    raise AttentionError(message)


def _weigh(weights: Any, slope: Any) -> Any:
    detached = weights.detach()
    refuse_dropout(detached)
    return detached.new_zeros(detached.shape) if slope is None else (slope * detached).relu()


@contextmanager
def _with_gradients(model: Any) -> Iterator[None]:
    """Let gradients flow even if every parameter is frozen."""
    frozen = [p for p in model.parameters() if not p.requires_grad and p.is_floating_point()]
    try:
        for parameter in frozen:
            parameter.requires_grad_(True)
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)


def _target(outputs: Any, target: Any, inputs: Any, batch: int | None) -> Any:
    torch = find_torch()
    if callable(target):
        value = target(outputs)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            shape = tuple(getattr(value, "shape", ()))
            message = (
                f"target returned {brief(type(value).__name__)} of shape {shape}: let it return "
                "one number, such as outputs.logits[0, 3]."
            )
            raise AttentionError(message)
        return value.reshape(())
    logits = outputs if isinstance(outputs, torch.Tensor) else getattr(outputs, "logits", None)
    if logits is None or logits.ndim not in (2, 3) or not (target is None or is_index(target)):
        message = (
            f"target is {brief(target)} and the output has {_logits(logits)}: give the number of a "
            "class, or a callable such as lambda outputs: outputs.last_hidden_state[0, 0].norm()."
        )
        raise AttentionError(message)
    row = logits[0 if batch is None else check_index(batch, len(logits), "batch")]
    if row.ndim == 2:  # a language model: what comes after the last token
        mask = inputs.get("attention_mask") if isinstance(inputs, Mapping) else None
        position = -1
        if mask is not None and len(row) == mask.shape[1]:
            position = int(mask[0 if batch is None else batch].nonzero()[-1])
        row = row[position]
    if target is None:
        return row.max()
    if not 0 <= target < len(row):
        message = f"target {target} is out of range: choose a class from 0 to {len(row) - 1}."
        raise AttentionError(message)
    return row[int(target)]


def _logits(logits: Any) -> str:
    return "no logits" if logits is None else f"logits of shape {tuple(logits.shape)}"


def _projection(captured: Capture, module: Any, value: Any) -> Any:
    """W_O as (heads * size of a head, size of the model)."""
    torch = find_torch()
    parent = captured.name_of(module).rpartition(".")[0]
    width = _heads(module, value) * value.shape[-1]
    for home in (module, captured.model.get_submodule(parent)):
        for name in _OUTPUT:
            try:
                found = home.get_submodule(name)
            except AttributeError:
                continue
            weight = getattr(found, "weight", None)
            if weight is None or weight.ndim != 2:
                continue
            if isinstance(found, torch.nn.Linear) and weight.shape[1] == width:
                return weight.T
            if type(found).__name__ == "Conv1D" and weight.shape[0] == width:  # GPT-2's
                return weight
    message = (
        f"No output projection was found in {captured.name_of(module) or type(module).__name__}: "
        f"norms need W_O, a Linear module called one of {', '.join(_OUTPUT)}."
    )
    raise AttentionError(message)


def _heads(module: Any, value: Any) -> int:
    return int(value.shape[1]) * int(getattr(module, "num_key_value_groups", 1) or 1)


def _norms(weights: Any, value: Any, projection: Any, *, per_head: bool) -> Any:
    """Norms of weighted values, (batch, heads or 1, queries, keys)."""
    torch = find_torch()
    weights, value = weights.detach().float(), value.detach().float()
    refuse_dropout(weights)
    heads, size = weights.shape[1], value.shape[-1]
    value = value.repeat_interleave(heads // value.shape[1], dim=1)  # grouped queries share values
    blocks = projection.detach().float().view(heads, size, -1)
    read = torch.einsum("bhkd,hde->bhke", value, blocks)
    if per_head:
        return (weights * read.norm(dim=-1)[:, :, None, :]).cpu()
    # || sum_h a_h f_h ||^2 = sum_gh a_g a_h <f_g, f_h>: no vector for each pair of tokens.
    gram = torch.einsum("bgke,bhke->bkgh", read, read)
    square = weights.new_zeros(weights.shape[0], *weights.shape[2:])
    for g in range(heads):
        for h in range(heads):
            square += weights[:, g] * weights[:, h] * gram[:, None, :, g, h]
    return square.clamp_min(0).sqrt()[:, None].cpu()
