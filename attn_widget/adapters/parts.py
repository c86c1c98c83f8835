"""What a model returned, or a capture recorded, taken apart into stacks of layers and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.errors import AttentionError, brief, check_index

if TYPE_CHECKING:
    from numpy.typing import NDArray

EAGER = (
    'load the model with attn_implementation="eager" and call it with output_attentions=True '
    "(sdpa and flash attention return no weights), or run it in attn_widget.capture(model)"
)

Layers = Sequence[Any]  # (batch, heads, queries, keys) a layer


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The attention of one call.

    Attributes
    ----------
    steps : self-attention, a list of layers for each step (one step in an ordinary forward pass)
    encoder, cross : the same of an encoder-decoder: one list of layers, and one a step
    sequences : ids of the whole texts, shape (texts, length), where the model generated them
    beams : of each text, the row that it had at each step, where beams moved about
    rescale : whether rows need not sum to 1 (heads fused on the way, or contributions)
    """

    steps: list[Layers]
    encoder: Layers | None = None
    cross: list[Layers] | None = None
    sequences: NDArray[np.integer[Any]] | None = None
    beams: NDArray[np.integer[Any]] | None = None
    rescale: bool = False

    @property
    def n_rows(self) -> int:
        """How many texts each step holds."""
        first = self.steps[0][0]
        return int(first.shape[0]) if len(getattr(first, "shape", ())) == 4 else 1

    def pick(self, batch: int | None) -> int:
        """Check which text is wanted."""
        self._check_rows()
        texts = self.n_rows if self.sequences is None else len(self.sequences)
        if batch is None and texts != 1:
            message = (
                f"There are {texts} texts or images in this batch and one is shown at a time: "
                "choose it with batch=0, batch=1, ..."
            )
            raise AttentionError(message)
        return 0 if batch is None else check_index(batch, texts, "batch")

    def encoder_row(self, text: int) -> int:
        """The encoder ran once a text; a generation may have several sequences of each."""
        assert self.encoder is not None
        assert self.cross is not None
        layers = self.encoder or self.cross[0]  # a decoder alone reads what it was given
        rows = int(layers[0].shape[0])
        texts = self.n_rows if self.sequences is None else len(self.sequences)
        return text * rows // texts

    def _check_rows(self) -> None:
        for stack in (self.encoder or [], *self.steps):
            counts = [int(layer.shape[0]) for layer in stack if len(np.shape(layer)) == 4]
            odd = next((i for i, count in enumerate(counts) if count != counts[0]), None)
            if odd is not None:
                message = (
                    f"Layer {odd} holds {counts[odd]} maps and layer 0 {counts[0]}, so this model "
                    "attends within windows of its input (as Swin does): such maps are of "
                    "different tokens, and no rollout or flow leads through them."
                )
                raise AttentionError(message)

    def rows(self, text: int) -> list[int]:
        """The row of a text at each of the steps that it lived through."""
        if self.beams is None:
            return [text] * len(self.steps)
        rows = self.beams[text][: len(self.steps)]
        return [int(row) for row in rows[rows >= 0]]


def take_apart(outputs: Any) -> Parts:
    """Find the attention in what a Hugging Face model or `generate()` returned."""
    for name in ("vision_model_output", "text_model_output"):
        if _get(outputs, name) is not None:
            message = (
                "This output is of a model with an image and a text side: pass one of them, "
                "outputs.vision_model_output or outputs.text_model_output."
            )
            raise AttentionError(message)
    sequences = _ids(_get(outputs, "sequences"))
    beams = _ids(_get(outputs, "beam_indices"))
    if sequences is not None:
        sequences = np.atleast_2d(sequences)
        if beams is None and "Beam" in type(outputs).__name__:
            message = (
                "This beam search does not tell which beam each text went through: call generate() "
                "with output_scores=True as well, which adds beam_indices."
            )
            raise AttentionError(message)
    if _has(outputs, "decoder_attentions") or _has(outputs, "encoder_attentions"):
        decoder = _stack(_get(outputs, "decoder_attentions"), "decoder attention")
        cross = _stack(_get(outputs, "cross_attentions"), "cross-attention")
        return Parts(
            steps=_steps(decoder, "decoder attention"),
            encoder=_stack(_get(outputs, "encoder_attentions"), "encoder attention"),
            cross=_steps(cross, "cross-attention"),
            sequences=sequences,
            beams=beams,
        )
    given = outputs
    if _has(outputs, "attentions"):
        given = _get(outputs, "attentions")
    elif isinstance(outputs, Mapping) or hasattr(outputs, "last_hidden_state"):
        message = f"This output has no attention: {EAGER}."
        raise AttentionError(message)
    layers = _stack(given, "attention")
    return Parts(steps=_steps(layers, "attention"), sequences=sequences, beams=beams)


def _get(outputs: Any, name: str) -> Any:
    if isinstance(outputs, Mapping):
        return outputs.get(name)
    return getattr(outputs, name, None)


def _has(outputs: Any, name: str) -> bool:
    # A field that is None drops out of a ModelOutput's keys and stays an attribute.
    return hasattr(outputs, name) or (isinstance(outputs, Mapping) and name in outputs)


def _ids(given: Any) -> NDArray[np.integer[Any]] | None:
    if given is None:
        return None
    given = given.detach().cpu() if hasattr(given, "detach") else given
    ids: NDArray[np.integer[Any]] = np.asarray(given)
    return ids


def _stack(given: Any, what: str) -> Layers:
    """Check a tuple of layers (or of steps), and name what is missing."""
    if given is None:
        message = f"The {what} is None: {EAGER}."
        raise AttentionError(message)
    if not isinstance(given, (list, tuple)):
        if len(getattr(given, "shape", ())) == 5:
            return list(given)
        message = (
            f"The {what} is {_named(given)}: pass what the model returned (generate() with "
            "output_attentions=True, return_dict_in_generate=True), or its tuple with one (batch, "
            "heads, queries, keys) tensor a layer."
        )
        raise AttentionError(message)
    if not given:
        message = f"The {what} is empty: {EAGER}."
        raise AttentionError(message)
    for index, layer in enumerate(given):
        if layer is None:
            nowhere = all(one is None for one in given)
            where = "every layer" if nowhere else f"layer {index}"
            mend = (
                EAGER
                if nowhere
                else "leave out the layers that have none (state-space and linear-attention "
                "layers have no weights to show)"
            )
            message = f"The {what} of {where} is None: {mend}."
            raise AttentionError(message)
    return given


def _named(given: Any) -> str:
    """What something is, in a few words: of a tensor its shape, not its numbers."""
    if hasattr(given, "shape"):
        kind = str(given.dtype).removeprefix("torch.")
        return f"one {type(given).__name__} of {kind}, shape {tuple(given.shape)}"
    return brief(given) if isinstance(given, (str, int, float)) else f"a {type(given).__name__}"


def _steps(layers: Layers, what: str) -> list[Layers]:
    if isinstance(layers[0], (list, tuple)):
        return [_stack(step, f"{what} of step {index}") for index, step in enumerate(layers)]
    return [layers]
