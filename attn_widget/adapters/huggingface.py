"""What a Hugging Face model returned to an `Attention`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from attn_widget.attention import Attention
from attn_widget.errors import AttentionError, brief, named_settings
from attn_widget.words import Words

from .assembly import (
    crop,
    joint,
    leaks,
    plain,
    prompt_length,
    stack_layers,
    stitch,
    with_sink,
)
from .parts import Parts, take_apart
from .text import (
    TextReader,
    both_sides,
    check_count,
    labels_of,
    produced_by,
    until_the_end,
    without_unread_padding,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .tokenizer import Labels

LearnedSink = Literal["rescale", "token"]


class _Style(NamedTuple):
    """How the maps are labelled, and what becomes of rows that do not sum to 1."""

    tokens: Sequence[str] | None
    learned_sink: LearnedSink
    rescale: bool


@named_settings
def from_huggingface(
    outputs: Any,
    *,
    tokenizer: Any = None,
    input_ids: Any = None,
    attention_mask: Any = None,
    decoder_input_ids: Any = None,
    decoder_attention_mask: Any = None,
    batch: int | None = None,
    part: Literal["joint", "encoder", "decoder"] = "joint",
    tokens: Sequence[str] | None = None,
    learned_sink: LearnedSink = "rescale",
    image: Any = None,
    grid: tuple[int, int] | None = None,
) -> Attention:
    """Turn what a Hugging Face model returned into an `Attention`.

    Parameters
    ----------
    outputs : model output or tuple
        What the model returned with `output_attentions=True`, or `generate()` with that and
        `return_dict_in_generate=True`; also the tuple of attentions itself. sdpa and flash
        attention return none: load with `attn_implementation="eager"`, or use `capture`.
    tokenizer : tokenizer or processor, optional
        Names the tokens, the special ones and the words. Without it the labels are ids.
    input_ids : tensor, array or list, or all that the tokenizer returned; optional
        The ids that the model was given, shape (n,) or (batch, n). Of a tokenizer's whole result
        the attention mask is taken as well. A generation holds its own.
    attention_mask : optional
        As the model was given it: padding is cropped, on either side. Nothing is renormalised.
    decoder_input_ids, decoder_attention_mask : optional
        The same for the decoder of an encoder-decoder.
    batch : int, optional
        Which text, where there are several (for `generate()`: which row of `sequences`).
    part : {"joint", "encoder", "decoder"}
        Of an encoder-decoder: all three kinds of attention as one network (see `Network`), or the
        self-attention of one side.
    tokens : sequence of str, optional
        Labels of your own, one a token that is left when padding is cropped.
    learned_sink : {"rescale", "token"}
        Where rows sum to less than 1, because a learned sink beside the keys takes the rest (as
        in gpt-oss): "rescale" them once heads are fused, so that a head counts by the mass that it
        moves (a sink has no value, so nothing comes from it); or show it as a "token" in front,
        which keeps the rest of each row.
    image, grid : optional
        For a vision model; see `from_vision`.

    Returns
    -------
    Attention
        With readable tokens, special positions and words. Of a generation, the prompt and all that
        was fed back: row `t` is the state that produced token `t + 1`, which `produced` names.

    Raises
    ------
    AttentionError
        In one sentence: what was given, what is wanted, how to mend it.
    """
    if image is not None or grid is not None:
        from .vision import from_vision

        return from_vision(outputs, image=image, grid=grid, batch=batch)
    if part not in ("joint", "encoder", "decoder"):
        message = f"part must be 'joint', 'encoder' or 'decoder', not {brief(part)}."
        raise AttentionError(message)
    if learned_sink not in ("rescale", "token"):
        message = f"learned_sink must be 'rescale' or 'token', not {brief(learned_sink)}."
        raise AttentionError(message)
    if hasattr(outputs, "_as_parts"):  # a capture
        parts, known = outputs._as_parts()  # noqa: SLF001 - its other half
        input_ids = known.get("input_ids") if input_ids is None else input_ids
        attention_mask = known.get("attention_mask") if attention_mask is None else attention_mask
        if decoder_input_ids is None:
            decoder_input_ids = known.get("decoder_input_ids")
        if decoder_attention_mask is None:
            decoder_attention_mask = known.get("decoder_attention_mask")
    else:
        parts = take_apart(outputs)
    if isinstance(input_ids, Mapping):
        if attention_mask is None:
            attention_mask = input_ids.get("attention_mask")
        input_ids = input_ids.get("input_ids")
    text = parts.pick(batch)
    side = TextReader(parts, text, tokenizer)
    style = _Style(tokens, learned_sink, parts.rescale)
    if parts.encoder is None:
        return _self_attention(side, input_ids, attention_mask, style)
    if part == "encoder":
        encoder = Parts(steps=[parts.encoder])
        row = parts.encoder_row(text)
        only = TextReader(encoder, row, tokenizer)
        return _self_attention(only, input_ids, attention_mask, style)
    if part == "decoder":
        return _self_attention(side, decoder_input_ids, decoder_attention_mask, style)
    given = (input_ids, attention_mask)
    return _joint(side, given, (decoder_input_ids, decoder_attention_mask), style)


def _self_attention(
    side: TextReader, input_ids: Any, attention_mask: Any, style: _Style
) -> Attention:
    """One stack of self-attention: an encoder, a decoder, a generation."""
    parts, text = side.parts, side.text
    layers, ids, n_prompt = _own_layers(parts, text, input_ids, side, "attention")
    n_tokens = layers[0].values.shape[1]
    if layers[0].values.shape[2] != n_tokens:
        message = (
            f"The maps have {n_tokens} queries and {layers[0].values.shape[2]} keys, so this is "
            "cross-attention, or a step that read a cache: pass the whole output of an encoder-"
            "decoder, all steps of a generation, or one forward pass without a cache."
        )
        raise AttentionError(message)
    check_count(ids, n_tokens, "input_ids")
    kept = side.kept(attention_mask, n_tokens, "attention_mask", text)
    if attention_mask is None and ids is not None:
        kept = without_unread_padding(layers, ids, side.tokenizer)
    kept = until_the_end(kept, ids, n_prompt, side.tokenizer)
    layers = crop(layers, kept, kept, "attention", "attention_mask")
    produced = None
    if n_prompt is not None and ids is not None:
        produced = produced_by(side.tokenizer, ids, kept, n_prompt)
    name = "input_ids" if parts.cross is None else "decoder_input_ids"
    labels = labels_of(side.tokenizer, ids, kept, name)
    values, dtype = stack_layers(layers, "attention")
    return _finish(values, dtype, labels, produced, style)


def _own_layers(
    parts: Parts, text: int, given_ids: Any, side: TextReader, what: str
) -> tuple[list[Any], list[int] | None, int | None]:
    """Self-attention of one text, the ids of its tokens, and where the prompt ends if generated."""
    generated = parts.sequences is not None
    if not generated and len(parts.steps) == 1:
        name = "input_ids" if parts.cross is None else "decoder_input_ids"
        return plain(parts.steps[0], text, what), side.ids(given_ids, name, text), None
    rows = parts.rows(text)
    layers = stitch(parts.steps[: len(rows)], rows, what)
    first = prompt_length(parts.steps)
    if parts.sequences is None:
        return layers, side.ids(given_ids, "input_ids", text), first
    ids = [int(token) for token in parts.sequences[text]]
    n_tokens = layers[0].values.shape[1]
    if len(ids) in (n_tokens, n_tokens + 1) or (parts.beams is not None and len(ids) > n_tokens):
        return layers, ids[: n_tokens + 1], first
    if len(ids) == len(rows):  # fed embeddings: the prompt has no ids
        message = (
            f"The sequences hold the {len(ids)} generated tokens alone, and the attention covers "
            f"{n_tokens}: call generate() with input_ids instead of inputs_embeds."
        )
    else:
        message = (
            f"The sequences have {len(ids)} tokens and the steps cover {n_tokens}, one less than "
            "the sequence is wanted: pass the output of one generate() call as it is."
        )
    raise AttentionError(message)


def _finish(
    values: Any,
    dtype: str,
    labels: Labels,
    produced: tuple[str | None, ...] | None,
    style: _Style,
    **more: Any,
) -> Attention:
    tokens, special, words = labels
    if style.tokens is not None:
        tokens, words = tuple(style.tokens), None
        special = special or None  # by their spelling, where no tokenizer knows
    normalise: bool | str = "fused" if style.rescale else False
    if not style.rescale and leaks(values, dtype):
        if style.learned_sink == "token":
            values = with_sink(values)
            tokens = ("[sink]", *tokens)
            special = (0, *(i + 1 for i in special or ()))
            if words is not None:
                words = Words(("[sink]", *words.labels), (0, *(w + 1 for w in words.of_token)))
            produced = None if produced is None else (None, *produced)
        else:
            normalise = "fused"
    return Attention(
        values,
        tokens,
        special=special,
        normalise=normalise,
        words=words,
        produced=produced,
        **more,
    )


def _joint(
    side: TextReader, given: tuple[Any, Any], decoder_given: tuple[Any, Any], style: _Style
) -> Attention:
    """Encoder, decoder and cross attention as one network."""
    parts, text, tokenizer = side.parts, side.text, side.tokenizer
    assert parts.encoder is not None
    if parts.cross is None or len(parts.cross) != len(parts.steps):
        message = (
            "Cross-attention is missing: pass the whole output of the encoder-decoder, with "
            "cross_attentions."
        )
        raise AttentionError(message)
    row = parts.encoder_row(text)
    encoder = plain(parts.encoder, row, "encoder attention")
    n_encoder = int(parts.cross[0][0].shape[-1])
    ids = side.ids(given[0], "input_ids", row)
    check_count(ids, n_encoder, "input_ids")
    kept = TextReader(Parts(steps=[parts.encoder]), row).kept(
        given[1], n_encoder, "attention_mask", row
    )
    if given[1] is None and ids is not None:
        kept = without_unread_padding(encoder, ids, tokenizer)
    decoder, own_ids, n_prompt = _own_layers(
        parts, text, decoder_given[0], side, "decoder attention"
    )
    n_decoder = decoder[0].values.shape[1]
    check_count(own_ids, n_decoder, "decoder_input_ids")
    own = side.kept(decoder_given[1], n_decoder, "decoder_attention_mask", text)
    own = until_the_end(own, own_ids, n_prompt, tokenizer)
    cross = _cross_layers(parts, text, n_decoder, n_encoder)
    weights, dtype, network = joint(
        crop(encoder, kept, kept, "encoder attention", "attention_mask"),
        crop(decoder, own, own, "decoder attention", "decoder_attention_mask"),
        crop(cross, own, kept, "cross-attention", "attention_mask"),
    )
    labels = both_sides(
        labels_of(tokenizer, ids, kept, "input_ids"),
        labels_of(tokenizer, own_ids, own, "decoder_input_ids"),
    )
    produced = None
    if n_prompt is not None and own_ids is not None:
        produced = (None,) * len(kept) + produced_by(tokenizer, own_ids, own, n_prompt)
    return _finish(
        weights, dtype, labels, produced, style._replace(learned_sink="rescale"), network=network
    )


def _cross_layers(parts: Parts, text: int, n_decoder: int, n_encoder: int) -> list[Any]:
    """Cross-attention of all steps, (heads, decoder tokens, encoder tokens) a layer."""
    assert parts.cross is not None
    rows = parts.rows(text)
    taken = []
    for index, (step, row) in enumerate(zip(parts.cross, rows, strict=False)):
        taken.append(plain(step, row, f"cross-attention of step {index}"))
    layers = []
    for layer in range(len(taken[0])):
        pieces = [step[layer] for step in taken]
        values = np.concatenate([one.values for one in pieces], axis=1)
        if values.shape[1] > n_decoder:  # no cache: the last step has every row
            values = pieces[-1].values
        if values.shape[1:] != (n_decoder, n_encoder):
            message = (
                f"Cross-attention of layer {layer} has {values.shape[1]} queries and "
                f"{values.shape[2]} keys, and there are {n_decoder} decoder and {n_encoder} "
                "encoder tokens: pass the output of one call."
            )
            raise AttentionError(message)
        layers.append(pieces[0]._replace(values=values))
    return layers
