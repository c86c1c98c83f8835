"""What was recorded, pass by pass, sorted into encoder, decoder and cross attention."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.errors import AttentionError

from .parts import Parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

# How cross-attention modules are called in transformers and in torch.
_CROSS = re.compile(r"cross_?att|enc_?dec_?att|encoder_att|multihead_attn|^cross$", re.IGNORECASE)
INPUTS = (
    "input_ids",
    "decoder_input_ids",
    "attention_mask",
    "decoder_attention_mask",
    "pixel_values",
)


@dataclass
class Pass:
    """One forward pass: what went in, by the name of the module, and the weights in order."""

    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    records: list[tuple[str, Any]] = field(default_factory=list)
    closed: bool = False

    def add(self, name: str, weights: Any) -> None:
        """Keep the weights of the module of that name."""
        self.records.append((name, weights))

    def __contains__(self, name: str) -> bool:
        return any(known == name for known, _ in self.records)

    def of_role(self, role: str) -> list[Any]:
        """The layers of "encoder", "self" or "cross" attention, the first one first."""
        crossed = any(_is_cross(name) for name, _ in self.records)
        return [w for name, w in self.records if _role(name, crossed=crossed) == role]

    def known(self, *names: str) -> Any:
        """The first input of one of these names that any module was given."""
        for given in self.inputs.values():
            for name in names:
                if given.get(name) is not None:
                    return given[name]
        return None


def _is_cross(name: str) -> bool:
    return any(_CROSS.search(part) for part in name.split("."))


def _side(name: str) -> str | None:
    return next((part for part in name.split(".") if part in ("encoder", "decoder")), None)


def _role(name: str, *, crossed: bool) -> str:
    if _is_cross(name):
        return "cross"
    return "encoder" if crossed and _side(name) == "encoder" else "self"


def as_parts(passes: list[Pass], sequences: Any, *, rescale: bool) -> tuple[Parts, dict[str, Any]]:
    """Read the last forward pass, or the passes of the last generation.

    Returns
    -------
    Parts, and the ids and masks that the model was given, as `from_huggingface` calls them
    """
    used = [one for one in passes if one.records]
    if not used:
        message = (
            "The model ran and no layer of it computed attention weights: state-space and linear-"
            "attention layers have none to show."
            if passes
            else "Nothing was recorded: call the model inside the with block of capture(), for "
            "instance model(**inputs)."
        )
        raise AttentionError(message)
    ids = None if sequences is None else np.atleast_2d(_numpy(sequences))
    if any(_is_cross(name) for one in used for name, _ in one.records):
        return _encoder_decoder(used, ids, rescale=rescale)
    used[-1] = _one_stack(used[-1])
    start = len(used) - 1
    while start > 0 and _continues(used[start - 1], used[start]):
        start -= 1
    steps = used[start:]
    known: dict[str, Any] = {}
    fed = _fed([one.known("input_ids") for one in steps])
    if ids is None and len(steps) > 1 and fed is not None:
        first = _numpy(steps[0].known("input_ids"))
        _check_copies(len(first), len(np.unique(first, axis=0)))
    mask = steps[0].known("attention_mask")
    if mask is not None and mask.ndim == 2:
        known["attention_mask"] = _longer(mask, None if fed is None else fed.shape[1])
    if ids is not None:
        _check_fed(fed, ids)
    elif fed is not None:
        known["input_ids"] = fed
    elif steps[0].known("pixel_values") is not None:
        known["pixel_values"] = steps[0].known("pixel_values")
    parts = Parts(
        steps=[one.of_role("self") for one in steps],
        sequences=ids if len(steps) > 1 else None,
        rescale=rescale,
    )
    if ids is not None and len(steps) == 1:
        known["input_ids"] = ids
    return parts, known


def _encoder_decoder(
    used: list[Pass], ids: NDArray[Any] | None, *, rescale: bool
) -> tuple[Parts, dict[str, Any]]:
    # In generate() the encoder runs first, alone: then its records have no cross-attention beside.
    reading = [i for i, one in enumerate(used) if one.of_role("cross")]
    begun = max((i for i, one in enumerate(used) if _encodes(one)), default=reading[0])
    encoder_pass = used[begun]
    steps = [one for one in used[begun:] if one.of_role("cross")]
    if not steps:
        message = "The decoder did not run after the encoder: call the whole model, or generate()."
        raise AttentionError(message)
    encoder = [
        w for name, w in encoder_pass.records if _side(name) == "encoder" and not _is_cross(name)
    ]
    if ids is None and len(steps) > 1 and encoder:
        _check_copies(len(steps[0].of_role("cross")[0]), len(encoder[0]))
    fed = _fed([_decoder_ids(one) for one in steps])
    known: dict[str, Any] = {
        "input_ids": _encoder_known(encoder_pass, "input_ids"),
        "attention_mask": _encoder_known(encoder_pass, "attention_mask"),
        "decoder_attention_mask": steps[0].known("decoder_attention_mask"),
    }
    if known["decoder_attention_mask"] is not None and fed is not None:
        known["decoder_attention_mask"] = _longer(known["decoder_attention_mask"], fed.shape[1])
    if ids is not None:
        _check_fed(fed, ids)
    known["decoder_input_ids"] = fed if ids is None else ids
    parts = Parts(
        steps=[one.of_role("self") for one in steps],
        encoder=encoder,
        cross=[one.of_role("cross") for one in steps],
        sequences=ids if len(steps) > 1 else None,
        rescale=rescale,
    )
    return parts, {name: value for name, value in known.items() if value is not None}


def _encodes(one: Pass) -> bool:
    return any(_side(name) == "encoder" and not _is_cross(name) for name, _ in one.records)


def _encoder_known(one: Pass, name: str) -> Any:
    """An input of the encoder itself where it was called, else of the whole model."""
    for module, given in one.inputs.items():
        if _side(module) == "encoder" and given.get(name) is not None:
            return given[name]
    return next(
        (g[name] for m, g in one.inputs.items() if _side(m) is None and g.get(name) is not None),
        None,
    )


def _decoder_ids(one: Pass) -> Any:
    found = one.known("decoder_input_ids")
    if found is not None:
        return found
    for module, given in one.inputs.items():
        if _side(module) == "decoder" and given.get("input_ids") is not None:
            return given["input_ids"]
    return None


def _one_stack(last: Pass) -> Pass:
    """Refuse two stacks side by side, such as the text and the vision side of CLIP.

    A head that pools with queries of its own, as SigLIP's does, is no layer and is left out.
    """
    stacks: dict[str, list[tuple[str, Any]]] = {}
    for name, weights in last.records:
        stacks.setdefault(re.split(r"\.?\d+(\.|$)", name)[0], []).append((name, weights))
    square = [
        records
        for records in stacks.values()
        if all(w is not None and w.shape[-1] == w.shape[-2] for _, w in records)
    ]
    if len(stacks) > 1 and len(square) == 1:
        return Pass(last.inputs, square[0], last.closed)
    if len(stacks) > 1:
        names = list(stacks)
        parts = [name.split(".") for name in names]
        apart = next(i for i in range(99) if len({tuple(one[: i + 1]) for one in parts}) > 1)
        side = ".".join(parts[0][: apart + 1])
        message = (
            f"Attention was recorded in {' and in '.join(map(repr, names))}: capture one of them, "
            f"for instance attn_widget.capture(model.{side})."
        )
        raise AttentionError(message)
    return last


def _check_copies(rows: int, texts: int) -> None:
    """Refuse a generation with several sequences of one prompt whose outcome is not known."""
    if rows > texts:
        message = (
            f"The model wrote {rows} sequences for {texts} prompt{'s' * (texts != 1)}, perhaps in "
            "a beam search, which moves them about: pass sequences=, what generate() returned."
        )
        raise AttentionError(message)


def _continues(before: Pass, after: Pass) -> bool:
    """Whether a pass goes on with the text of the one before."""
    old, new = before.of_role("self")[0], after.of_role("self")[0]
    if old is None or new is None or old.ndim != 4 or new.ndim != 4:
        return False
    if old.shape[0] != new.shape[0]:
        return False
    if new.shape[2] < new.shape[3]:  # it read a cache
        return True
    old_ids, new_ids = before.known("input_ids"), after.known("input_ids")
    if old_ids is None or new_ids is None or new_ids.shape[1] <= old_ids.shape[1]:
        return False
    return bool((new_ids[:, : old_ids.shape[1]] == old_ids).all())


def _fed(steps: list[Any]) -> NDArray[Any] | None:
    """All ids that were fed, over the steps, with a cache or without."""
    if any(ids is None or ids.ndim != 2 for ids in steps):
        return None
    fed = _numpy(steps[0])
    for ids in steps[1:]:
        new = _numpy(ids)
        longer = new.shape[1] > fed.shape[1] and (new[:, : fed.shape[1]] == fed).all()
        fed = new if longer else np.concatenate([fed, new], axis=1)
    return fed


def _check_fed(fed: NDArray[Any] | None, ids: NDArray[Any]) -> None:
    if fed is None or (fed.shape[0] == ids.shape[0] and (ids[:, : fed.shape[1]] == fed).all()):
        return
    message = (
        "The sequences are not what the model was fed step by step, as beam search reorders texts: "
        "use from_huggingface on the output of generate(), or generate without beams."
    )
    raise AttentionError(message)


def _longer(mask: Any, n_tokens: int | None) -> NDArray[Any]:
    values = _numpy(mask)
    missing = 0 if n_tokens is None else n_tokens - values.shape[1]
    return np.pad(values, ((0, 0), (0, missing)), constant_values=1) if missing > 0 else values


def _numpy(given: Any) -> NDArray[Any]:
    return np.asarray(given.detach().cpu() if hasattr(given, "detach") else given)
