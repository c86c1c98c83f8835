"""The numbers of a picture in the formats of other tools."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .flow import BINDINGS

if TYPE_CHECKING:
    import pandas as pd

    from .analysis import Analysis, Float
    from .settings import Settings


def matrix_frame(analysis: Analysis, settings: Settings, matrix: Float) -> pd.DataFrame:
    """Lay the shown matrix out as a tidy table, one row a (query, key) pair.

    Parameters
    ----------
    matrix : array, shape (n, n)
        `analysis.matrix(settings)`.

    Raises
    ------
    ImportError
        Without pandas.
    """
    try:
        import pandas as pd
    except ImportError:
        message = "to_frame needs pandas: pip install pandas."
        raise ImportError(message) from None
    n = len(matrix)
    tokens = np.array(analysis.attention.tokens, dtype=object)
    query, key = np.divmod(np.arange(n * n), n)
    columns: dict[str, Any] = {
        "query": query,
        "query_token": tokens[query],
        "key": key,
        "key_token": tokens[key],
        "value": matrix.ravel(),
    }
    if settings.method == "flow":
        known = analysis.flow(settings)
        columns["bound"] = known.bound.ravel()
        columns["binding"] = np.array(BINDINGS, dtype=object)[known.binding.ravel()]
    start, stop = analysis.matrix_levels(settings)
    return pd.DataFrame(columns).assign(
        method=settings.method,
        start=start,
        stop=stop,
        heads=str(settings.heads),
        residual=None if settings.method == "attention" else str(settings.residual),
    )
