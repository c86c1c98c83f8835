"""`browse`: a corpus as a table beside the widget. The parts come with the first call."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from .corpusdata import Corpus
from .errors import AttentionError, brief, named_settings

if TYPE_CHECKING:
    import pandas as pd

    from .browser import Browser


@named_settings
def browse(
    corpus: Any,
    *,
    table: pd.DataFrame | None = None,
    model: Any = None,
    tokenizer: Any = None,
    height: int = 480,
) -> Browser:
    """Show a corpus as a table that sorts and filters, beside the widget; click a row to see it.

    The widget starts with the settings that the corpus was computed with, so that its picture and
    the numbers in the table are the same.

    Parameters
    ----------
    corpus : Corpus, or the folder of one
    table : DataFrame, optional
        The rows to show, with the column `item`: a part of `corpus.to_frame()`, or the same with
        columns of your own. By default all of them; columns of lists are left out.
    model, tokenizer : optional
        What reads the texts, where the corpus was opened and not just computed.
    height : int
        Height in px that the widget's picture aims at.

    Returns
    -------
    Browser
        An ipywidgets box; `.table` and `.widget` are its parts, `.row` is the one on show.

    Raises
    ------
    AttentionError
        For what is no corpus, an empty one, or one of which nothing can be shown.
    ImportError
        Without itables.
    """
    from .browser import Browser

    if isinstance(corpus, str | os.PathLike):
        corpus = Corpus(corpus)
    if not isinstance(corpus, Corpus):
        message = (
            f"browse was given {brief(corpus)}: give what map_corpus returned, or the folder "
            "that it wrote."
        )
        raise AttentionError(message)
    return Browser(corpus, table=table, model=model, tokenizer=tokenizer, height=height)
