"""Pieces of text to readable labels and to words: WordPiece, byte-level BPE, SentencePiece, others.

Every family is brought to one form first, the bytes of the text that a piece stands for, with a
space in front where a word begins. Characters, labels and words are read off those bytes, so one
rule serves all of them.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

Family = Literal["wordpiece", "bytes", "sentencepiece", "suffix", "joiner", "byt5", "plain"]

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_JOINER = "\u200d"  # joins emoji to one, as in a family
_APOSTROPHES = "'\u2019"


@dataclass(frozen=True)
class Words:
    """Which tokens make up which word.

    Attributes
    ----------
    labels : tuple of str
        The words.
    of_token : tuple of int
        The number of the word that each token belongs to, from 0, rising without gaps.

    Examples
    --------
    >>> split_words(["[CLS]", "un", "##read", "##able", "[SEP]"])
    Words(labels=('[CLS]', 'unreadable', '[SEP]'), of_token=(0, 1, 1, 1, 2))
    """

    labels: tuple[str, ...]
    of_token: tuple[int, ...]

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """(start, stop) of each word: the tokens `start ... stop-1`."""
        starts = [self.of_token.index(word) for word in range(len(self.labels))]
        return tuple(zip(starts, [*starts[1:], len(self.of_token)], strict=True))


@dataclass(frozen=True)
class _Piece:
    text: bytes  # with a space in front where the vocabulary says that a word begins
    special: bool = False
    glued: bool = False  # the vocabulary says that it goes on with the word before


def family_of(pieces: Sequence[str]) -> Family:
    """Guess the family of a tokenizer from the spelling of some of its pieces."""
    rules: tuple[tuple[Family, str], ...] = (
        ("wordpiece", r"##.+"),
        ("sentencepiece", "\u2581.*|<0x[0-9A-Fa-f]{2}>"),
        ("suffix", r".*</w>"),
        ("joiner", r".+@@"),
    )
    for family, pattern in rules:
        if any(re.fullmatch(pattern, piece, re.DOTALL) for piece in pieces):
            return family
    return "bytes" if _spells_bytes(pieces) else "plain"


def _spells_bytes(pieces: Sequence[str]) -> bool:
    """Whether letters such as that of a space, "\u0120", stand for bytes and not for themselves.

    They do where the bytes are text without the control characters that letters of Polish, Czech
    or Latvian would be.
    """
    marked = [piece for piece in pieces if re.search("[\u0100-\u0143]", piece)]
    if not marked or not all(letter in _byte_of() for piece in marked for letter in piece):
        return False
    spaced = any(piece.startswith("\u0120") for piece in marked)
    raw = b"".join(_from_bytes(piece) for piece in pieces)
    try:
        text = raw.decode("utf-8", "ignore" if spaced else "strict")  # it may be cut anywhere
    except UnicodeDecodeError:
        return False
    return re.search(r"[\0-\x08\x0e-\x1f\x7f-\x9f]|\r(?!\n)", text) is None


def readable(
    pieces: Sequence[str], *, family: Family | None = None, special: Sequence[int] = ()
) -> tuple[str, ...]:
    """Turn pieces into labels that a person can read: no "Ġ", no "▁", bytes joined to characters.

    Pieces that hold a part of a character alone are labelled with the whole of it and their
    number: "😀 1/3". WordPiece keeps its "##". White space alone is spelt out: "␣", "⏎", "⇥".

    Parameters
    ----------
    pieces : sequence of str, the tokens as the vocabulary spells them
    family : how the vocabulary marks words; by default guessed from the pieces
    special : positions of special tokens, which are left as they are

    Examples
    --------
    >>> readable(["The", "Ġsun", "Ċ", "cafÃ©"], family="bytes")
    ('The', 'sun', '⏎', 'café')
    """
    family = family or family_of(pieces)
    read = _read(pieces, family, frozenset(special))
    text, edges = _joined(read)
    labels = []
    for i, piece in enumerate(pieces):
        if read[i].special:
            labels.append(piece)
            continue
        first, last = _whole_characters(text, edges[i], edges[i + 1])
        label = _shown(text[first:last])
        parts = [j for j in range(len(read)) if edges[j] < last and edges[j + 1] > first]
        if (first, last) != (edges[i], edges[i + 1]) and last - first <= 4:
            label = f"{label} {parts.index(i) + 1}/{len(parts)}"
        if family == "wordpiece" and read[i].glued:
            label = "##" + label
        labels.append(label)
    return tuple(labels)


def split_words(
    pieces: Sequence[str], *, family: Family | None = None, special: Sequence[int] = ()
) -> Words:
    """Group pieces into words.

    A word ends at white space, at punctuation (but "don't" and "3.14" are one word each, and so
    is "..."), and, in scripts without spaces, at the end of a piece. A character or an emoji that
    several pieces make up is never split. Special tokens are words of their own.

    Parameters
    ----------
    pieces, family, special
        As in `readable`.

    Examples
    --------
    >>> split_words(["Hello", ",", "Ġwor", "ld", "!"]).labels
    ('Hello', ',', 'world', '!')
    """
    read = _read(pieces, family or family_of(pieces), frozenset(special))
    text, edges = _joined(read)
    of_token: list[int] = []
    starts: list[int] = []
    for i in range(len(read)):
        if i == 0 or _begins(read, text, edges, i):
            starts.append(i)
        of_token.append(len(starts) - 1)
    labels = []
    for start, stop in zip(starts, [*starts[1:], len(read)][: len(starts)], strict=True):
        special_one = read[start].special
        labels.append(pieces[start] if special_one else _shown(text[edges[start] : edges[stop]]))
    return Words(tuple(labels), tuple(of_token))


# --- to bytes ------------------------------------------------------------------------------------


@functools.cache
def _byte_of() -> dict[str, int]:
    """The byte that each character of a byte-level vocabulary stands for, as GPT-2 laid it out."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(rest)}


def _read(pieces: Sequence[str], family: Family, special: frozenset[int]) -> list[_Piece]:
    read: list[_Piece] = []
    ended = True  # whether the piece before ended its word: "suffix" and "joiner" mark ends
    for i, piece in enumerate(pieces):
        if i in special:
            read.append(_Piece(b"", special=True))
            ended = True
        elif family == "bytes":
            read.append(_Piece(_from_bytes(piece)))
        elif family == "byt5":
            read.append(_Piece(piece.encode("latin-1", "replace")))
        elif family == "sentencepiece":
            one = _BYTE.fullmatch(piece)
            raw = bytes([int(one[1], 16)]) if one else piece.replace("\u2581", " ").encode()
            read.append(_Piece(raw))
        elif family == "wordpiece":
            glued = piece.startswith("##") and len(piece) > 2
            text = piece[2:] if glued else piece
            read.append(_Piece(text.encode() if glued else b" " + text.encode(), glued=glued))
        elif family in {"suffix", "joiner"}:
            mark = "</w>" if family == "suffix" else "@@"
            marked = piece.endswith(mark)
            text = piece.removesuffix(mark)
            # CLIP spells bytes as GPT-2 does; in the others these letters are letters.
            raw = _from_bytes(text) if family == "suffix" else text.encode()
            read.append(_Piece(b" " + raw if ended else raw, glued=not ended))
            ended = marked == (family == "suffix")
        else:
            read.append(_Piece(b" " + piece.encode("utf-8", "replace")))
    return read


def _from_bytes(piece: str) -> bytes:
    table = _byte_of()
    if all(letter in table for letter in piece):
        return bytes(table[letter] for letter in piece)
    return piece.encode("utf-8", "replace")  # added to the vocabulary later, as plain text


def _joined(read: list[_Piece]) -> tuple[bytes, list[int]]:
    """All bytes in a row, and where each piece starts (and the last one ends)."""
    edges = [0]
    for piece in read:
        edges.append(edges[-1] + len(piece.text))
    return b"".join(piece.text for piece in read), edges


def _whole_characters(text: bytes, first: int, last: int) -> tuple[int, int]:
    """Widen a range of bytes until it cuts no character."""
    while 0 < first < len(text) and _inside(text[first]) and last - first < 8:
        first -= 1
    while last < len(text) and _inside(text[last]) and last - first < 64:
        last += 1
    return first, last


def _inside(byte: int) -> bool:
    return byte & 0xC0 == 0x80


def _shown(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    stripped = text.strip()
    if stripped:
        return "".join(_spelt(c) if c in "\n\r\t" else c for c in stripped)
    return "".join(map(_spelt, text)) or "\u2205"


def _spelt(space: str) -> str:
    return {"\n": "\u23ce", "\r": "\u240d", "\t": "\u21e5"}.get(space, "\u2423")


# --- to words ------------------------------------------------------------------------------------


def _begins(read: list[_Piece], text: bytes, edges: list[int], i: int) -> bool:
    """Whether a word begins with piece `i`."""
    if read[i].special or read[i - 1].special:
        return True
    at = edges[i]
    if at == edges[i + 1] or read[i].glued:
        return False  # an empty piece stays with the one before
    if _inside(text[at]) and at > 0:
        return False  # within a character
    before = text[max(0, at - 64) : at].decode("utf-8", "ignore")
    after = text[at : at + 64].decode("utf-8", "ignore")
    # Special tokens have no bytes, so what stands before one is not seen from behind it.
    reach = next((j for j in range(i - 1, -1, -1) if read[j].special), -1)
    before = before[-len(text[edges[reach + 1] : at].decode("utf-8", "replace")) :]
    if not before or not after:
        return True
    return _boundary(before, after)


def _boundary(before: str, after: str) -> bool:
    last, first = before[-1], after[0]
    if first.isspace():
        # Spaces in a row are one gap; a line break is a word of its own.
        return not (last.isspace() and first == last)
    if last.isspace():
        return last in "\n\r"  # a space alone belongs to the word that it begins
    if _extends(first) or last == _JOINER:
        return False
    if _regional(first) and _regional(last):
        flags = len(before) - len(before.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
        return flags % 2 == 0
    if _spaceless(first) or _spaceless(last):
        return True
    letter_before, letter_after = _in_word(last), _in_word(first)
    if letter_before and letter_after:
        return False
    second_last, second = before[-2:-1], after[1:2]
    if letter_before and first in _APOSTROPHES:
        return not second.isalpha() and bool(second)
    if letter_after and last in _APOSTROPHES:
        return not second_last.isalpha()
    if last.isdigit() and first in ".,":
        return not second.isdigit()
    if first.isdigit() and last in ".,":
        return not second_last.isdigit()
    return letter_before or letter_after or first != last


def _in_word(letter: str) -> bool:
    return letter.isalnum() or letter == "_" or unicodedata.category(letter).startswith("M")


def _extends(letter: str) -> bool:
    """Combining marks, variation selectors, skin tones, joiners, keycaps, tags of flags."""
    return (
        unicodedata.category(letter) in {"Mn", "Mc", "Me"}
        or letter == _JOINER
        or 0x1F3FB <= ord(letter) <= 0x1F3FF
        or 0xE0020 <= ord(letter) <= 0xE007F
    )


def _regional(letter: str) -> bool:
    return 0x1F1E6 <= ord(letter) <= 0x1F1FF


def _spaceless(letter: str) -> bool:
    """Scripts written without spaces, and emoji: their pieces are words, or near enough."""
    point = ord(letter)
    return (
        0x2E80 <= point <= 0x31FF  # radicals, kana, bopomofo, CJK punctuation
        or 0x3400 <= point <= 0x9FFF  # ideographs
        or 0xF900 <= point <= 0xFAFF
        or 0x20000 <= point <= 0x3FFFF
        or 0x0E00 <= point <= 0x0EFF  # Thai, Lao
        or 0x1000 <= point <= 0x109F  # Myanmar
        or 0x1780 <= point <= 0x17FF  # Khmer
        or point >= 0x1F000
        or unicodedata.category(letter) == "So"
    )
