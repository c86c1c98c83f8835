"""English sentences up to their verb, from a seeded grammar of subject-verb agreement.

The task is that of Linzen, Dupoux & Goldberg, TACL 2016, which Abnar & Zuidema 2020 use in
section 4: read a sentence up to its verb, and say whether the verb is singular or plural. Their
corpus is not at hand, so sentences come from this grammar::

    sentence  ->  [front] subject [adverb]                      the verb would follow here
    front     ->  preposition noun-phrase [modifier] [","]      "near the old lakes"
               |  conjunction noun-phrase verb [","]            "while the boys sleep ,"
    subject   ->  noun-phrase modifier{0,2}
    modifier  ->  preposition noun-phrase                       "of the editors"
               |  "that" noun-phrase verb                       "that the critics praise"
               |  "that" verb-in-the-past noun-phrase           "that praised the critics"
    noun-phrase -> determiner adjective{0,2} noun

- Every noun is singular or plural with probability 1/2, whatever the others are. Determiners
  ("the", "my") and verbs in the past have no number, so the number of the subject stands on its
  noun alone. Verbs in the present agree with the noun of their own clause, which misleads.
- An *attractor* is a noun between the subject and its verb whose number is the other one. Nouns of
  a front have their own number, too.
- Half of the sentences have a front, and half of the fronts no comma: neither "the first noun" nor
  "the noun after the comma" is the subject.

All draws come from one `numpy` generator: a seed gives the same sentences on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

CLS, UNKNOWN, PADDING = "[CLS]", "[UNK]", "[PAD]"

_NOUNS = (
    "author editor critic painter farmer teacher doctor lawyer driver singer pilot banker sailor "
    "writer actor dancer poet judge nurse guard boy girl king queen friend neighbour student "
    "visitor manager officer key cabinet lake river bridge garden window door letter book picture "
    "journal table chair engine train ship island mountain forest road tower village museum "
    "machine record title report"
).split()
_ADJECTIVES = (
    "old young tall small famous quiet clever green red broken heavy distant narrow wooden bright "
    "strange modern careful"
).split()
_PREPOSITIONS = "of near behind beside above below with from for against".split()
_CONJUNCTIONS = "while because when although since".split()
_DETERMINERS = "the the the my your our their his her".split()
_ADVERBS = "often never really probably usually always rarely still".split()
_VERBS = (
    "praise:praised admire:admired follow:followed call:called paint:painted visit:visited "
    "help:helped watch:watched know:knew like:liked hate:hated see:saw move:moved hide:hid "
    "sell:sold love:loved"
).split()


@dataclass(frozen=True)
class Sentence:
    """One sentence up to its verb.

    Attributes
    ----------
    words : tuple of str, "[CLS]" first
    plural : bool
        The number of the subject, and so of the verb that would follow: what is to be told.
    subject : int
        Where the subject's noun stands in `words`.
    attractors : int
        Nouns between the subject and the verb with the other number.
    fronted : bool
        Whether something with a noun stands before the subject.
    """

    words: tuple[str, ...]
    plural: bool
    subject: int
    attractors: int
    fronted: bool

    def __str__(self) -> str:
        return " ".join(self.words[1:])


class Grammar:
    """Draws sentences.

    Parameters
    ----------
    seed : int
    front, modifiers : float, (float, float, float)
        Probability of a front, and of none, one or two modifiers of the subject.
    """

    def __init__(
        self,
        seed: int,
        *,
        front: float = 0.5,
        modifiers: tuple[float, float, float] = (0.2, 0.5, 0.3),
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._front = front
        self._modifiers = modifiers

    def sentence(self) -> Sentence:
        """Draw one sentence."""
        words: list[str] = [CLS]
        fronted = self._chance(self._front)
        if fronted:
            self._add_front(words)
        plural = self._chance(0.5)
        self._add_noun_phrase(words, plural)
        subject = len(words) - 1
        count = int(self._random.choice(3, p=self._modifiers))
        numbers = [self._add_modifier(words) for _ in range(count)]
        if self._chance(0.3):
            words.append(self._one(_ADVERBS))
        attractors = sum(number != plural for number in numbers)
        return Sentence(tuple(words), plural, subject, attractors, fronted)

    def sentences(
        self, count: int, *, without: Iterable[Sentence] = (), attractors: bool = False
    ) -> list[Sentence]:
        """Draw sentences, each once.

        Parameters
        ----------
        count : int
        without : sentences that are not to be drawn, such as held-out ones
        attractors : bool
            Only sentences with at least one attractor.
        """
        seen = {one.words for one in without}
        found: list[Sentence] = []
        while len(found) < count:
            one = self.sentence()
            if one.words not in seen and (one.attractors or not attractors):
                seen.add(one.words)
                found.append(one)
        return found

    def _add_front(self, words: list[str]) -> None:
        number = self._chance(0.5)
        if self._chance(0.6):
            words.append(self._one(_PREPOSITIONS))
            self._add_noun_phrase(words, number)
            if self._chance(0.3):
                self._add_modifier(words)
        else:
            words.append(self._one(_CONJUNCTIONS))
            self._add_noun_phrase(words, number)
            words.append(self._verb(plural=number))
        if self._chance(0.5):
            words.append(",")

    def _add_modifier(self, words: list[str]) -> bool:
        """Add a modifier; returns whether its noun is plural."""
        number = self._chance(0.5)
        kind = self._random.random()
        if kind < 0.4:
            words.append(self._one(_PREPOSITIONS))
            self._add_noun_phrase(words, number)
        elif kind < 0.7:
            words.append("that")
            self._add_noun_phrase(words, number)
            words.append(self._verb(plural=number))
        else:
            words.extend(("that", self._one(_VERBS).split(":")[1]))
            self._add_noun_phrase(words, number)
        return number

    def _add_noun_phrase(self, words: list[str], plural: bool) -> None:  # noqa: FBT001
        words.append(self._one(_DETERMINERS))
        count = int(self._random.choice(3, p=(0.6, 0.3, 0.1)))
        words.extend(self._one(_ADJECTIVES) for _ in range(count))
        noun = self._one(_NOUNS)
        words.append(noun + "s" if plural else noun)

    def _verb(self, *, plural: bool) -> str:
        bare = self._one(_VERBS).split(":")[0]
        return bare if plural else bare + "s"

    def _chance(self, probability: float) -> bool:
        return bool(self._random.random() < probability)

    def _one(self, words: Sequence[str]) -> str:
        return words[int(self._random.integers(len(words)))]


class Vocabulary:
    """All words of the grammar; as much of a tokenizer as `aw.evaluate` asks for."""

    unk_token_id = 1
    all_special_ids = (0, 2)

    def __init__(self) -> None:
        verbs = [part for pair in _VERBS for part in (*pair.split(":"), pair.split(":")[0] + "s")]
        words = [*_NOUNS, *(noun + "s" for noun in _NOUNS), *verbs, *_ADJECTIVES, *_ADVERBS]
        words += [*_PREPOSITIONS, *_CONJUNCTIONS, *_DETERMINERS, "that", ","]
        self.words = (PADDING, UNKNOWN, CLS, *dict.fromkeys(words))
        self._ids = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def __call__(self, given: Sentence | str | Sequence[str]) -> list[int]:
        """Turn a sentence into ids, "[CLS]" first; words that are not known are "[UNK]"."""
        if isinstance(given, Sentence):
            words: Sequence[str] = given.words
        else:
            words = (CLS, *(given.split() if isinstance(given, str) else given))
        return [self._ids.get(word, self.unk_token_id) for word in words]

    def convert_ids_to_tokens(self, ids: Sequence[int]) -> list[str]:
        """Turn ids back into words."""
        return [self.words[i] for i in ids]
