"""What tokens are besides a row of text: two inputs of an encoder-decoder, or patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .errors import AttentionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .words import Words

Step = Literal["encoder", "decoder", "cross"]


@dataclass(frozen=True)
class Network:
    """The blocks of an encoder-decoder, as one network over [encoder tokens | decoder tokens].

    The encoder's blocks come first, in which the decoder's tokens keep to themselves; then two
    blocks for each layer of the decoder, self-attention and above it cross-attention, in which the
    encoder's tokens keep to themselves. So a path from a decoder output goes down through cross
    attention to the encoder's outputs, or through self-attention to the layer below, and ends on
    the embeddings of either input.

    Attributes
    ----------
    n_encoder : int
        Tokens `0 ... n_encoder-1` are the encoder's, the rest the decoder's.
    steps : tuple of {"encoder", "decoder", "cross"}
        What each block is, the lowest first.
    """

    n_encoder: int
    steps: tuple[Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What each block is called: "encoder 1", "decoder 1 self", "decoder 1 cross", ..."""
        counts = dict.fromkeys(("encoder", "decoder", "cross"), 0)
        names = []
        for step in self.steps:
            counts[step] += 1
            if step == "encoder":
                names.append(f"encoder {counts[step]}")
            else:
                names.append(f"decoder {counts[step]} {'self' if step == 'decoder' else 'cross'}")
        return tuple(names)

    def queries(self, block: int) -> slice:
        """The tokens that read in this block; the others keep to themselves."""
        if self.steps[block] == "encoder":
            return slice(0, self.n_encoder)
        return slice(self.n_encoder, None)

    def keys(self, block: int) -> slice:
        """The tokens that are read in this block."""
        if self.steps[block] == "decoder":
            return slice(self.n_encoder, None)
        return slice(0, self.n_encoder)


@dataclass(frozen=True, eq=False)
class Picture:
    """The image behind a vision model's tokens.

    Attributes
    ----------
    grid : (rows, columns) of patches
    first : int
        The token of the patch in the upper left corner; the patches follow row by row. Tokens
        before and after them (CLS, distillation, registers) are none.
    image : array, shape (height, width, 3) or (height, width), or None
        uint8, or floats from 0 to 1.
    """

    grid: tuple[int, int]
    first: int = 0
    image: NDArray[Any] | None = None

    @property
    def n_patches(self) -> int:
        """Number of patches."""
        return self.grid[0] * self.grid[1]

    def cell(self, token: int) -> tuple[int, int] | None:
        """(row, column) of a token's patch, or None if the token is no patch."""
        index = token - self.first
        return divmod(index, self.grid[1]) if 0 <= index < self.n_patches else None

    def token(self, row: int, column: int) -> int:
        """The token of a patch."""
        return self.first + row * self.grid[1] + column

    def heat(self, values: Sequence[float] | NDArray[Any]) -> NDArray[Any]:
        """Lay one number a token out on the grid, shape (rows, columns); other tokens fall out.

        Examples
        --------
        >>> Picture((2, 2), first=1).heat([9, 1, 2, 3, 4])
        array([[1, 2],
               [3, 4]])
        """
        return np.asarray(values)[self.first : self.first + self.n_patches].reshape(self.grid)


def check_parts(
    n_layers: int,
    n_tokens: int,
    words: Words | None,
    produced: tuple[str | None, ...] | None,
    network: Network | None,
    picture: Picture | None,
) -> None:
    """Refuse words, blocks and patches that are those of another attention."""
    for name, count in (
        ("words", None if words is None else len(words.of_token)),
        ("produced", None if produced is None else len(produced)),
    ):
        if count is not None and count != n_tokens:
            message = (
                f"{name} is for {count} tokens and there are {n_tokens}: give one entry a token."
            )
            raise AttentionError(message)
    if network is not None and (
        len(network.steps) != n_layers or not 0 < network.n_encoder < n_tokens
    ):
        message = (
            f"The network has {len(network.steps)} blocks and {network.n_encoder} encoder tokens, "
            f"and the weights have {n_layers} layers and {n_tokens} tokens: let them match."
        )
        raise AttentionError(message)
    if picture is not None and not 0 <= picture.first <= n_tokens - picture.n_patches:
        rows, columns = picture.grid
        message = (
            f"A grid of {rows} x {columns} patches from token {picture.first} on needs "
            f"{picture.first + rows * columns} tokens and there are {n_tokens}: give the grid of "
            "this image, (rows, columns), and the number of tokens before its patches."
        )
        raise AttentionError(message)
