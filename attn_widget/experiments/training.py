"""The network of the paper's section 4, trained on the grammar's sentences.

"A Transformer encoder, with GPT-2 Transformer blocks (without masking) ... 6 layers, and 8 heads,
with hidden/embedding size of 128. Similar to Bert we add a CLS token and use its embedding in the
final layer as the input to the classifier" (Abnar & Zuidema 2020).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from attn_widget.examples import import_torch

from .grammar import Grammar, Sentence, Vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


@dataclass(frozen=True)
class Training:
    """What is trained and for how long; the defaults are the full experiment's.

    Attributes
    ----------
    layers, heads, width : int
        Of the encoder.
    steps, batch : int
        Gradient steps, and fresh sentences in each.
    rate : float
        The largest learning rate; it rises over the first tenth and falls to 0 (one cycle).
    unknown : float
        Share of words that training replaces with "[UNK]", as rare words are in a real corpus: what
        blank-out shows the network later is then nothing new to it.
    front : float
        Probability that something stands before the subject.
    norm_first : bool
        LayerNorm before each sublayer, as in GPT-2; False is after it, as in BERT.
    """

    layers: int = 6
    heads: int = 8
    width: int = 128
    steps: int = 1000
    batch: int = 64
    rate: float = 1e-3
    unknown: float = 0.04
    front: float = 0.5
    norm_first: bool = True


@dataclass
class Trained:
    """A network and how well it does.

    Attributes
    ----------
    model : torch.nn.Module
        ids (batch, n) to logits (batch, 2): singular, plural.
    vocabulary : Vocabulary
    losses : list of float, one a step
    """

    model: Any
    vocabulary: Vocabulary
    losses: list[float] = field(default_factory=list)

    def accuracy(self, sentences: Sequence[Sentence]) -> float:
        """Share of sentences whose verb gets the right number."""
        torch = import_torch()
        right = 0
        with torch.no_grad():
            for begin in range(0, len(sentences), 256):
                some = sentences[begin : begin + 256]
                logits = self.model(padded([self.vocabulary(one) for one in some]))
                plural = torch.tensor([one.plural for one in some])
                right += int((logits.argmax(dim=1) == plural).sum())
        return right / len(sentences)


def train(
    settings: Training,
    seed: int,
    *,
    without: Sequence[Sentence] = (),
    watch: Callable[[int, float, Any], object] | None = None,
) -> Trained:
    """Train one network; the same seed gives the same one on the same machine.

    Parameters
    ----------
    settings : Training
    seed : int
        Of the weights, of the sentences and of the unknown words.
    without : sentences that training must not see
    watch : callable (step, loss, model), optional
        Called after every step.
    """
    torch = import_torch()
    vocabulary = Vocabulary()
    # Its own stream of random numbers: the caller's is left as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = agreement_encoder(len(vocabulary), settings)
        # Dropout would draw from the same stream; an endless grammar needs none.
        grammar = Grammar(1000 + seed, front=settings.front)
        held = {one.words for one in without}
        random = np.random.default_rng(2000 + seed)
        optimiser = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.01)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.rate, total_steps=settings.steps, pct_start=0.1
        )
        losses = []
        batches = _batches(grammar, held, settings.batch, random)
        model.train()
        for step in range(settings.steps):
            some = next(batches)
            ids = padded([vocabulary(one) for one in some])
            blank = torch.from_numpy(random.random(ids.shape) < settings.unknown)
            ids[blank & (ids > 2)] = vocabulary.unk_token_id  # neither padding nor CLS
            labels = torch.tensor([int(one.plural) for one in some])
            loss = torch.nn.functional.cross_entropy(model(ids), labels)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            if watch is not None:
                watch(step + 1, losses[-1], model)
    return Trained(model.eval(), vocabulary, losses)


_POOL = 16  # batches drawn together


def _batches(
    grammar: Grammar, held: set[tuple[str, ...]], size: int, random: np.random.Generator
) -> Iterator[list[Sentence]]:
    """Fresh sentences without end, those of one batch of about one length: less padding."""
    while True:
        pool: list[Sentence] = []
        while len(pool) < _POOL * size:
            one = grammar.sentence()
            if one.words not in held:
                pool.append(one)
        pool.sort(key=lambda one: len(one.words))
        for place in random.permutation(_POOL):
            yield pool[place * size : (place + 1) * size]


def padded(ids: Sequence[Sequence[int]]) -> Any:
    """Stack ids of different length to (batch, longest), 0 behind the shorter ones."""
    torch = import_torch()
    return torch.nn.utils.rnn.pad_sequence([torch.tensor(one) for one in ids], batch_first=True)


def agreement_encoder(words: int, settings: Training) -> Any:
    """Build the network, untrained: ids (batch, n), padded with 0, to logits (batch, 2)."""
    torch = import_torch()
    nn = torch.nn

    class AgreementEncoder(nn.Module):  # type: ignore[misc, name-defined]
        """GPT-2's blocks without its mask; the state of CLS is classified."""

        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(words, settings.width)
            self.positions = nn.Embedding(64, settings.width)
            nn.init.normal_(self.tokens.weight, std=0.1)
            nn.init.normal_(self.positions.weight, std=0.1)
            self.blocks = nn.ModuleList(
                nn.TransformerEncoderLayer(
                    settings.width,
                    settings.heads,
                    4 * settings.width,
                    dropout=0.0,
                    activation="gelu",
                    batch_first=True,
                    norm_first=settings.norm_first,
                )
                for _ in range(settings.layers)
            )
            self.norm = nn.LayerNorm(settings.width)
            self.classifier = nn.Linear(settings.width, 2)

        def forward(self, ids: Any) -> Any:
            padding = ids == 0
            mask = padding if bool(padding.any()) else None
            states = self.tokens(ids) + self.positions(torch.arange(ids.shape[1]))
            for block in self.blocks:
                states = block(states, src_key_padding_mask=mask)
            return self.classifier(self.norm(states[:, 0]))

    return AgreementEncoder()
