"""The page around a saved view: its frame, its policy and what it says about itself."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

STYLE = """
:root {
  color-scheme: light dark;
  --jp-layout-color0: #fff;
  --page-ink: rgba(0, 0, 0, 0.87);
  --page-ink-2: rgba(0, 0, 0, 0.62);
  --page-hair: #e6e6e6;
  --page-link: #2f50b8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --jp-layout-color0: #111;
    --page-ink: rgba(255, 255, 255, 0.87);
    --page-ink-2: rgba(255, 255, 255, 0.64);
    --page-hair: #2b2b2d;
    --page-link: #8ecbf2;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto;
  padding: 40px clamp(0px, 4vw - 18px, 56px) 56px;
  max-width: 1480px;
  background: var(--jp-layout-color0);
  color: var(--page-ink);
  font: 13px/20px system-ui, sans-serif;
}
body > header, body > footer { padding: 0 16px; }
h1 { margin: 0; max-width: 96ch; font-size: 20px; line-height: 28px; font-weight: 620;
  letter-spacing: -0.01em; text-wrap: balance; overflow-wrap: anywhere; }
body > header p { margin: 4px 0 22px; color: var(--page-ink-2);
  font-variant-numeric: tabular-nums; }
main:not(:has(.attn-widget)) { min-height: 600px; }
main { border-block: 1px solid var(--page-hair); padding-bottom: 16px; }
main > p { padding: 16px; }
footer { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr));
  gap: 20px 48px; margin-top: 24px; color: var(--page-ink-2); font-size: 12.5px; }
footer p { margin: 0 0 6px; max-width: 62ch; }
h2 { margin: 0 0 6px; font-size: 12.5px; line-height: 20px; font-weight: 620;
  color: var(--page-ink); }
footer a { color: var(--page-link); }
kbd { padding: 0 4px; border: 1px solid var(--page-hair); border-radius: 4px; font: inherit; }
@media (max-width: 719px) {
  body { padding-top: 20px; }
  body > header, body > footer { padding: 0 12px; }
  h1 { font-size: 18px; line-height: 25px; }
  body > header p { margin-bottom: 14px; }
}
@media print {
  body { padding: 0; }
}
"""

_SELECTING = (
    "Click a token to trace it, <kbd>Shift</kbd>‑click a second one for a pair, "
    "<kbd>Ctrl</kbd>‑click for a set. Drag the residual. <kbd>?</kbd> lists every key."
)
_CONVENTION = (
    "A row of the matrix is the token that reads, a column the token that is read. “Layer 4” is "
    "the output of layer 4."
)
_DEFINITION = (
    "A layer’s map is its heads fused, rows brought to sum 1, mixed with the residual: "
    "(1 − r) W + r I. <b>Rollout</b> is the product of the maps; its rows sum to 1. <b>Flow</b> is "
    "the maximum flow from one output to one input when every entry of a map is the capacity of an "
    "edge; its rows do not sum to 1."
)
_SOURCE = (
    "Abnar &amp; Zuidema, <cite>Quantifying Attention Flow in Transformers</cite>, ACL 2020, <a "
    'href="https://arxiv.org/abs/2005.00928" rel="noreferrer">arXiv 2005.00928</a>. Values, MLPs '
    "and LayerNorm are ignored: this shows where a model could have carried information."
)


def page(
    *,
    title: str,
    summary: str,
    about: Sequence[str],
    version: str,
    style: str,
    script: str,
    state: str,
    data: str,
) -> str:
    """Put the page together.

    Parameters
    ----------
    title, summary, about : plain text: the heading, the line under it, paragraphs on the file
    version : of this package
    style, script : what draws the view; the policy names their hashes and allows no others
    state, data : JSON that is safe in a script element, and base64
    """
    style = f"{STYLE}{style}"
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_digest(script)}",
            f"style-src {_digest(style)}",
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    name = _text(title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="attn-widget {_text(version)}">
<title>{name}</title>
<style>{style}</style>
</head>
<body>
<header>
<h1>{name}</h1>
<p>{_text(summary)}</p>
</header>
<main id="attn-view" aria-label="Attention, as a graph and a matrix">
<noscript><p>This picture needs JavaScript, which this file brings along: it loads nothing.</p>\
</noscript>
</main>
<footer>
{_section("How to read it", [_SELECTING, _CONVENTION])}
{_section("What is computed", [_DEFINITION, _SOURCE])}
{_section("About this file", [_text(sentence) for sentence in about])}
</footer>
<script type="application/json" id="attn-state">{state}</script>
<script type="text/plain" id="attn-data">{data}</script>
<script type="module">{script}</script>
</body>
</html>
"""


def heading(text: str) -> str:
    """Name a page by the text that it shows, as people write it, cut where it is long."""
    # Word labels joined by spaces: punctuation goes back to its word.
    joined = re.sub(r" (?=[.,;:!?)\]’'])|(?<=[(\[’']) (?=\w)", "", " ".join(text.split()))
    short = joined if len(joined) <= 90 else f"{joined[:89].rstrip()}…"
    return f"Attention in “{short}”" if short else "Attention"


def _section(name: str, paragraphs: Sequence[str]) -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return f"<section><h2>{name}</h2>{body}</section>"


def _digest(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"


def _text(text: str) -> str:
    """Text that HTML and UTF-8 can hold: half a surrogate pair and control signs become marks."""
    kept = "".join(
        "\ufffd"
        if 0xD800 <= ord(sign) <= 0xDFFF or (ord(sign) < 32 and sign not in "\n\t")
        else sign
        for sign in text
    )
    return html.escape(kept)
