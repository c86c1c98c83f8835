"""The numbers of a picture in the formats of other tools."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from .flow import BINDINGS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from .analysis import Analysis, Float
    from .settings import Settings


def matrix_frame(analysis: Analysis, settings: Settings, matrix: Float) -> pd.DataFrame:
    """Lay the shown matrix out as a tidy table, one row a (query, key) pair.

    The columns are the same for every method: `bound` and `binding` are NA where the method has
    none, and `residual` is NA for raw attention, which has no residual in it.

    Parameters
    ----------
    matrix : array, shape (n, n)
        `analysis.matrix(settings)`.

    Returns
    -------
    pandas.DataFrame
        query, query_token, key, key_token, value, bound, binding; then the settings, the same in
        every row: method, start, stop (levels of keys and queries), heads, top_head, residual,
        drop, baseline. Lists of settings are JSON text.

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
    readers = np.array(analysis.attention.query_labels, dtype=object)  # with what each produced
    query, key = np.divmod(np.arange(n * n), n)
    bound, binding = _limits(analysis, settings, n)
    named = _settings(analysis, settings)
    return pd.DataFrame(
        {
            "query": query,
            "query_token": pd.Series(readers[query], dtype=_kind(readers)),
            "key": key,
            "key_token": pd.Series(tokens[key], dtype=_kind(tokens)),
            "value": matrix.ravel(),
            "bound": pd.arrays.FloatingArray(bound.ravel(), np.isnan(bound.ravel())),
            "binding": pd.Categorical(binding.ravel(), categories=BINDINGS),
            **{name: pd.NA if value is None else value for name, value in named.items()},
            # A column of its own type, so that frames with and without a top head stack.
            "top_head": pd.array([named["top_head"]] * n * n, dtype="Int64"),
        }
    )


def matrix_dataset(analysis: Analysis, settings: Settings, matrix: Float) -> xr.Dataset:
    """Lay the shown matrix out with named dimensions.

    Parameters
    ----------
    matrix : array, shape (n, n)
        `analysis.matrix(settings)`.

    Returns
    -------
    xarray.Dataset
        `value`, `bound` (NaN where the method has none) and `binding` ("" there) over the
        dimensions `query` and `key`, which are positions; `query_token` and `key_token` are
        coordinates along them, the settings are attributes.

    Raises
    ------
    ImportError
        Without xarray.
    """
    try:
        import xarray as xr
    except ImportError:
        message = "to_xarray needs xarray: pip install xarray."
        raise ImportError(message) from None
    n = len(matrix)
    tokens = list(analysis.attention.tokens)
    bound, binding = _limits(analysis, settings, n)
    text = np.where(binding == None, "", binding).astype(str)  # noqa: E711 - elementwise
    cells = ("query", "key")
    named = _settings(analysis, settings)
    return xr.Dataset(
        {"value": (cells, matrix), "bound": (cells, bound), "binding": (cells, text)},
        coords={
            "query": np.arange(n),
            "key": np.arange(n),
            "query_token": ("query", list(analysis.attention.query_labels)),
            "key_token": ("key", tokens),
        },
        attrs={name: "" if value is None else value for name, value in named.items()},
    )


def _limits(analysis: Analysis, settings: Settings, n: int) -> tuple[Float, Any]:
    """Bound and binding of every pair: NaN and None where the method has none."""
    if settings.method != "flow":
        return np.full((n, n), np.nan), np.full((n, n), None, dtype=object)
    known = analysis.flow(settings)
    return known.bound, np.array(BINDINGS, dtype=object)[known.binding]


def _settings(analysis: Analysis, settings: Settings) -> dict[str, Any]:
    """Every setting, plain: lists as JSON text, the levels those of the matrix's two sides."""
    start, stop = analysis.matrix_levels(settings)
    given = asdict(settings)
    return {
        "method": settings.method,
        "start": start,
        "stop": stop,
        "heads": _plain(given["heads"]),
        "top_head": given["top_head"],
        "residual": None if settings.method == "attention" else _plain(given["residual"]),
        "drop": json.dumps(given["drop"]),
        "baseline": given["baseline"],
    }


def _kind(tokens: Any) -> type | None:
    """Half a surrogate pair fits no Arrow string, which pandas would infer."""
    return (
        object if any(0xD800 <= ord(sign) <= 0xDFFF for text in tokens for sign in text) else None
    )


def _plain(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, tuple) else value
