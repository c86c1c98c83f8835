"""The still picture: what a notebook shows where no widget can be shown."""

from __future__ import annotations

import base64
import json
import re
import struct
import warnings
import xml.etree.ElementTree as ET
import zlib

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from traitlets.config import Config

import attn_widget as aw

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
SVG = "{http://www.w3.org/2000/svg}"
NO_VIEWS = ["text/html", "image/svg+xml", "image/png", "text/plain"]


@pytest.fixture
def widget():
    made = aw.AttentionWidget(
        aw.load_sample(), levels=(0, 4), heads=3, residual=0.65, selected=[(4, 10)]
    )
    yield made
    made.close()


def still_of(widget):
    """The parts of the bundle: one line of text, the alternative text, the SVG's root."""
    data, _ = widget._repr_mimebundle_()
    html = data["text/html"]
    alt = re.search(r'alt="([^"]*)"', html).group(1)
    encoded = re.search(r"data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)", html).group(1)
    return data["text/plain"], alt, ET.fromstring(base64.b64decode(encoded))


def texts(root):
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def test_the_view_comes_with_a_picture_and_a_line(widget):
    data, _ = widget._repr_mimebundle_()
    assert data[WIDGET_VIEW]["model_id"] == widget.model_id
    text, alt, root = still_of(widget)
    assert alt.startswith("‘it’ at layer 4 draws 9\u00a0% from ‘big’")
    assert text.startswith(alt)
    assert "16 tokens, 6 layers, 12 heads" in text
    assert "\n" not in text
    shown = texts(root)
    assert alt in shown
    assert "rollout · layers input–4 · head 3 · residual 0.65" in shown
    assert [shown.count(label) for label in ("suitcase", "it", "CLS")] == [2, 2, 2]
    # It stands on paper of its own: the page may be dark.
    assert root.find(f"{SVG}rect").get("fill") == "#fff"


def test_its_figures_are_the_widgets(widget):
    _, alt, root = still_of(widget)
    relevance = widget.relevance
    figures = [f"{100 * value:.{0 if value >= 0.0195 else 1}f}" for value in relevance]
    shown = texts(root)
    for figure in set(figures):
        assert shown.count(figure) >= figures.count(figure)
    named = re.findall(r"(\d+)\u00a0% from ‘(\w+)’", alt)
    tokens = list(aw.load_sample().tokens)
    assert len(named) == 3
    for figure, token in named:
        assert int(figure) == round(100 * relevance[tokens.index(token)])


def test_its_matrix_is_the_widgets(widget):
    _, _, root = still_of(widget)
    image = root.find(f"{SVG}image")
    png = base64.b64decode(image.get("href").partition(",")[2])
    width, height = struct.unpack(">II", png[16:24])
    at = png.index(b"IDAT")
    (size,) = struct.unpack(">I", png[at - 4 : at])
    rows = np.frombuffer(zlib.decompress(png[at + 4 : at + 4 + size]), dtype=np.uint8)
    codes = rows.reshape(height, width + 1)[:, 1:]  # each row starts with its filter, none
    assert codes.shape == (16, 16)
    order = np.argsort(widget.matrix.ravel(), kind="stable")
    assert (np.diff(codes.ravel()[order].astype(int)) >= 0).all()
    assert codes.max() >= 56
    # Rows of the matrix stand where the graph's rows do.
    rows = [
        float(text.get("y")) for text in root.iter(f"{SVG}text") if "".join(text.itertext()) == "it"
    ]
    pitch = float(image.get("height")) / 16
    assert rows[0] == pytest.approx(float(image.get("y")) + 10.5 * pitch + 4, abs=0.2)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"selected": []}, "The mean output draws"),
        ({"selected": [(0, 13)]}, "‘big’ of the input reaches 9\u00a0% of ‘it’"),
        ({"selected": [(4, 10), (0, 13)]}, "‘it’ at layer 4 draws 9\u00a0% from ‘big’"),
        ({"selected": [(4, 10), (4, 8)]}, "2 tokens at layer 4 draw"),
        ({"method": "attention"}, "‘it’ at layer 4 puts"),
        ({"residual": [0.5, 0.6, 0.7, 0.8]}, "‘it’ at layer 4 draws"),
    ],
)
def test_each_selection_has_its_sentence(widget, settings, sentence):
    for name, value in settings.items():
        setattr(widget, name, value)
    text, alt, _ = still_of(widget)
    assert alt.startswith(sentence)
    assert text.startswith(sentence)


def test_a_flow_is_drawn_with_its_cut_once_it_is_there(widget):
    widget.method, widget.heads, widget.selected = "flow", 8, [(4, 10), (0, 13)]
    value = widget.matrix[10, 13]
    _, alt, root = still_of(widget)
    assert alt == f"‘it’ at layer 4 can draw at most {value:.2f} from ‘big’"
    strokes = [path.get("stroke") for path in root.iter(f"{SVG}path")]
    assert "#c2410c" in strokes


def test_a_flow_that_is_not_there_is_not_made_up(widget, monkeypatch):
    monkeypatch.setattr("attn_widget.flow.ready", lambda: False)
    monkeypatch.setattr(widget._job, "submit", lambda _work: None)
    widget.method = "flow"
    text, alt, root = still_of(widget)
    assert "still being computed" in alt
    assert "still being computed" in text
    assert root.find(f"{SVG}image") is None
    assert any("not computed yet" in shown for shown in texts(root))


def test_it_stays_small_at_128_tokens():
    weights = np.random.default_rng(0).dirichlet(np.full(128, 0.1), size=(6, 12, 128))
    made = aw.AttentionWidget(weights, selected=[(6, 60)])
    data, _ = made._repr_mimebundle_()
    assert 20_000 < len(data["text/html"]) < 150_000
    made.close()


def test_labels_give_way_to_the_selected_one():
    given = aw.load_sample("curie")
    paris = given.tokens.index("paris")
    made = aw.AttentionWidget(given, levels=(0, 3), heads=8, selected=[(3, paris - 1)])
    _, _, root = still_of(made)
    right = [t for t in root.iter(f"{SVG}text") if 520 < float(t.get("x")) < 620]
    heights = sorted(float(t.get("y")) for t in right if float(t.get("y")) > 88)
    assert len(heights) > 8
    assert min(np.diff(heights)) >= 11
    made.close()


@pytest.mark.parametrize("method", ["rollout", "flow", "attention"])
def test_what_a_notebook_stores_at_128_tokens_is_under_a_megabyte(method):
    weights = np.random.default_rng(0).dirichlet(np.full(128, 0.1), size=(6, 12, 128))
    made = aw.AttentionWidget(weights, method=method, selected=[(6, 60)], heads_open=True)
    made.matrix  # noqa: B018 - waits for the picture
    state = made._get_embed_state()
    buffers = sum(len(buffer["data"]) for buffer in state["buffers"])
    assert 300_000 < len(json.dumps(state["state"])) + buffers < 1_000_000
    made.close()


def test_a_long_text_gets_words_alone():
    weights = np.tile(np.eye(700, dtype=np.float16), (1, 1, 1, 1))
    made = aw.AttentionWidget(weights)
    data, _ = made._repr_mimebundle_()
    assert "text/html" not in data
    assert "700 tokens" in data["text/plain"]
    made.close()


def test_tokens_are_text_in_it():
    tokens = ["</script>it", "\ud83d", 'a"\x07', "&lt;"]
    made = aw.AttentionWidget(np.full((1, 1, 4, 4), 0.25), tokens, selected=[(1, 0)])
    data, _ = made._repr_mimebundle_()
    data["text/html"].encode()
    data["text/plain"].encode()
    _, alt, root = still_of(made)
    assert "<" not in alt
    assert "</script>it" in texts(root)
    made.close()


def executed(*cells, store_state):
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    client = NotebookClient(
        book, kernel_name="python3", timeout=120, store_widget_state=store_state
    )
    return client.execute()


@pytest.fixture(scope="module")
def book():
    return executed(
        "import attn_widget as aw\n"
        "aw.AttentionWidget(aw.load_sample(), levels=(0, 4), heads=3, selected=[(4, 10)])",
        "aw.dashboard(aw.load_sample())",
        store_state=True,
    )


def pictures(book, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nbconvert's own
        page, _ = HTMLExporter(config=Config(options)).from_notebook_node(book)
    return re.findall(r'<img alt="([^"]+)"[^>]*src="data:image/svg\+xml;base64,', page)


def test_nbconvert_shows_it_without_a_browser_ever(book):
    """With the widgets' state in the notebook nbconvert prefers them, so it is told not to."""
    first, second = pictures(book, NbConvertBase={"display_data_priority": NO_VIEWS})
    assert first.startswith("‘it’ at layer 4 draws")
    assert second.startswith("The mean output draws")
    assert pictures(book) == []
    stateless = nbformat.from_dict({**book, "metadata": {}})
    assert pictures(stateless) == [first, second]


def test_a_closed_widget_says_so(widget):
    widget.close()
    assert repr(widget).startswith("<AttentionWidget, closed: 16 tokens")
