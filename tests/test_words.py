"""Pieces to labels and to words, for every way in which vocabularies mark them."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attn_widget.words import Words, _byte_of, family_of, readable, split_words


def spelt(raw: bytes) -> str:
    """Bytes as a byte-level vocabulary spells them."""
    letter = {byte: char for char, byte in _byte_of().items()}
    return "".join(letter[byte] for byte in raw)


def byte_pieces(*texts: str | bytes) -> list[str]:
    return [spelt(t if isinstance(t, bytes) else t.encode()) for t in texts]


def test_the_byte_alphabet_is_that_of_gpt2():
    assert spelt(b" the") == "Ġthe"
    assert spelt(b"\n") == "Ċ"
    assert spelt("é".encode()) == "Ã©"
    assert len(_byte_of()) == 256


@pytest.mark.parametrize(
    ("pieces", "family"),
    [
        (["un", "##able"], "wordpiece"),
        (["The", "Ġsun"], "bytes"),
        (["▁The", "▁sun"], "sentencepiece"),
        (["<0xE4>"], "sentencepiece"),
        (["a</w>", "pho", "to</w>"], "suffix"),
        (["un@@", "able"], "joiner"),
        (["the", "sun"], "plain"),
        (["\u0110\u00e0", "N\u1eb5ng"], "plain"),
        (["\u0141atwo"], "plain"),
        (["\u010cas", "\u010das"], "plain"),
        (["\u0123imene", "\u013coti"], "plain"),
        (["\u010a"], "bytes"),
        (["\u00c5\u0123atwo"], "bytes"),  # the bytes of an L with a stroke
        (["\u00e6", "\u00a5", "\u0120x"], "bytes"),  # cut within a character
        ([], "plain"),
    ],
)
def test_families_are_known_by_their_spelling(pieces, family):
    assert family_of(pieces) == family


@pytest.mark.parametrize(
    ("pieces", "family", "labels"),
    [
        (["[CLS]", "un", "##able"], "wordpiece", ("[CLS]", "un", "##able")),
        (["The", "Ġsun", "Ċ", "ĠĠ", "ĉ"], "bytes", ("The", "sun", "⏎", "␣␣", "⇥")),
        (["▁The", "▁", "sun", "<0x0A>"], "sentencepiece", ("The", "␣", "sun", "⏎")),
        (["a</w>", "pho", "to</w>"], "suffix", ("a", "pho", "to")),
        (["un@@", "able"], "joiner", ("un", "able")),
        (byte_pieces("日本", "語"), "bytes", ("日本", "語")),
        (["▁日本", "語"], "sentencepiece", ("日本", "語")),
    ],
)
def test_labels_are_readable(pieces, family, labels):
    assert readable(pieces, family=family) == labels


@pytest.mark.parametrize("family", ["bytes", "sentencepiece", "byt5"])
def test_a_character_in_pieces_is_shown_whole_in_each(family):
    raw = "a😀b".encode()
    cuts = [raw[:1], raw[1:3], raw[3:4], raw[4:5], raw[5:]]
    if family == "bytes":
        pieces = byte_pieces(*cuts)
    elif family == "byt5":
        pieces = [cut.decode("latin-1") for cut in cuts]
    else:
        cuts = [raw[i : i + 1] for i in range(len(raw))]
        pieces = ["a", *[f"<0x{byte:02X}>" for byte in raw[1:5]], "b"]
    labels = readable(pieces, family=family)
    parts = len(pieces) - 2
    assert labels == ("a", *[f"😀 {i + 1}/{parts}" for i in range(parts)], "b")
    assert split_words(pieces, family=family).labels == ("a", "😀", "b")


def test_broken_bytes_have_a_label_all_the_same():
    assert readable(byte_pieces(b"\xf0\x9f", b"\x80"), family="bytes")[0]
    assert readable(["<0xFF>"], family="sentencepiece") == ("\ufffd",)


@pytest.mark.parametrize(
    ("pieces", "words"),
    [
        # WordPiece
        ("[CLS] un ##read ##able , isn ' t it ? [SEP]", "[CLS] unreadable , isn ' t it ? [SEP]"),
        ("中 国 人", "中 国 人"),
        # byte-level BPE
        ("Hello , Ġwor ld !", "Hello , world !"),
        ("I Ġdon 't Ġknow ...", "I don't know ..."),
        ("Ġ 3 . 14 Ġ is , Ġ 2 0 2 4 .", "3.14 is , 2024 ."),
        ('Ġ" Yes ,"', '" Yes ,"'),
        ("foo _ bar Ġ( x )", "foo_bar ( x )"),
        # SentencePiece
        ("▁un read able ▁text .", "unreadable text ."),
        ("▁ Zu gang </s>", "Zugang </s>"),
        ("▁l ' eau", "l'eau"),
        # BPE with an end of word
        (
            "<|startoftext|> a</w> pho to</w> of</w> a</w> cat</w> .</w>",
            "<|startoftext|> a photo of a cat .",
        ),
        ("un@@ read@@ able text", "unreadable text"),
    ],
)
def test_pieces_become_words(pieces, words):
    cut = pieces.split()
    special = [
        i for i, piece in enumerate(cut) if re.fullmatch(r"\[[A-Z]+\]|</s>|<\|[a-z]+\|>", piece)
    ]
    assert split_words(cut, special=special).labels == tuple(words.split())


def test_scripts_without_spaces_are_cut_at_pieces_never_within_a_character():
    raw = "我爱北京。".encode()
    pieces = byte_pieces(raw[:3], raw[3:4], raw[4:6], raw[6:12], raw[12:])
    words = split_words(pieces, family="bytes")
    assert words.labels == ("我", "爱", "北京", "。")
    assert words.of_token == (0, 1, 1, 2, 3)


@pytest.mark.parametrize(
    "emoji", ["👨\u200d👩\u200d👧", "👍🏽", "❤\ufe0f", "🇫🇷", "1\ufe0f\u20e3", "e\u0301"]
)
def test_emoji_of_several_characters_are_one_word(emoji):
    pieces = byte_pieces("so", " ", *emoji, " ", "there")
    labels = split_words(pieces, family="bytes").labels
    assert labels == ("so", emoji, "there")


def test_two_flags_are_two_words():
    assert split_words(byte_pieces(*"🇫🇷🇩🇪"), family="bytes").labels == ("🇫🇷", "🇩🇪")


def test_line_breaks_are_words():
    labels = split_words(byte_pieces("one", "\n", "\n", "two"), family="bytes").labels
    assert labels == ("one", "⏎⏎", "two")


def test_special_tokens_stand_alone_whatever_is_around_them():
    words = split_words(["un", "<mask>", "able"], family="bytes", special=[1])
    assert words.labels == ("un", "<mask>", "able")


def test_spans_cover_all_tokens_in_order():
    words = Words(("a", "bc", "d"), (0, 1, 1, 2))
    assert words.spans == ((0, 1), (1, 3), (3, 4))


TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(" \n'.,é語😀\u200d🏽"),
    max_size=20,
)


@given(TEXTS, st.data())
def test_words_hold_the_text_however_it_is_cut(text, data):
    """Any cut of the bytes: every word is valid text, and the words in a row are the text."""
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)))) | {0, len(raw)})
    pieces = byte_pieces(*[raw[a:b] for a, b in itertools.pairwise(cuts)])
    words = split_words(pieces, family="bytes")
    labels = readable(pieces, family="bytes")
    assert len(labels) == len(pieces)
    assert "\ufffd" not in "".join(words.labels) or "\ufffd" in text
    shown = [c for c in "".join(words.labels) if c not in "␣⏎∅"]
    expected = [c for c in text if not c.isspace() and c not in "␣⏎∅"]
    assert [c for c in shown if not c.isspace()] == expected
    assert list(words.of_token) == sorted(words.of_token)
    assert set(words.of_token) == set(range(len(words.labels)))
