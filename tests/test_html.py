"""`save_html` and its command: what is written, what is refused, what is left behind."""

from __future__ import annotations

import base64
import errno
import hashlib
import html.parser
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import attn_widget as aw
from attn_widget import cli, htmldata, writing
from attn_widget.htmlpage import heading
from attn_widget.state import SETTINGS

SAMPLE = aw.load_sample()


@pytest.fixture
def widget():
    return aw.AttentionWidget(SAMPLE, selected=[(6, 10)])


def softmax(layers, heads, n, seed=0):
    scores = np.random.default_rng(seed).normal(size=(layers, heads, n, n)) * 2
    weights = np.exp(scores)
    return (weights / weights.sum(axis=-1, keepdims=True)).astype(np.float32)


class Parts(html.parser.HTMLParser):
    """The content of each script and style element, and the policy."""

    def __init__(self, text):
        super().__init__(convert_charrefs=False)
        self.parts = []
        self.policy = ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        about = dict(attributes)
        if tag in ("script", "style"):
            self.parts.append([tag, about, ""])
        if about.get("http-equiv") == "Content-Security-Policy":
            self.policy = about["content"]

    def handle_data(self, data):
        if self.parts and self.get_starttag_text() and self.cdata_elem:
            self.parts[-1][2] += data


def parts(path):
    return Parts(path.read_text(encoding="utf-8"))


# --- numbers -------------------------------------------------------------------------------------


@given(
    arrays(
        np.float32,
        st.integers(1, 40),
        elements=st.one_of(
            st.just(0.0), st.floats(2.0**-60, 1, width=32), st.floats(2.0**-20, 1, width=32)
        ),
    )
)
def test_codes_round_to_eleven_bits(numbers):
    back = htmldata.decode(htmldata.encode(numbers, 1.0), 1.0)
    assert (np.abs(back - numbers) <= numbers * htmldata.ROUNDING).all()
    # Rounding again changes nothing, and it keeps the order.
    np.testing.assert_array_equal(htmldata.decode(htmldata.encode(back, 1.0), 1.0), back)
    order = np.argsort(numbers, kind="stable")
    assert (np.diff(back[order]) >= 0).all()


def test_every_float16_weight_is_kept_exactly():
    every = np.arange(0x3C01, dtype=np.uint16).view(np.float16)  # 0 to 1, subnormals too
    back = htmldata.decode(htmldata.encode(every, 1.0), 1.0)
    np.testing.assert_array_equal(back, every.astype(np.float32))


def test_contributions_above_one_are_scaled():
    weights = np.full((1, 2, 2, 2), 300.0)
    weights[0, 1] = 0.25
    given_ = aw.Attention(weights, normalise="fused")
    scale = htmldata.scale_of(given_)
    assert scale == 512
    codes, exact = htmldata.layer_codes(given_, 0, scale, None)
    assert exact
    np.testing.assert_array_equal(htmldata.decode(codes, scale), weights[0])


def test_bytes_come_back_from_the_page(widget, tmp_path):
    page = parts(widget.save_html(tmp_path / "a.html"))
    (state,) = (text for _, about, text in page.parts if about.get("id") == "attn-state")
    (data,) = (text for _, about, text in page.parts if about.get("id") == "attn-data")
    content = json.loads(state)
    raw = zlib.decompress(base64.b64decode(data))
    offset, length, item = content["arrays"][content["attention"]["codes"]]
    planes = np.frombuffer(raw[offset : offset + length], np.uint8).reshape(item, -1)
    codes = np.ascontiguousarray(planes.T).view(np.uint16).reshape(SAMPLE.weights.shape)
    np.testing.assert_array_equal(htmldata.decode(codes, 1.0), SAMPLE.weights)


def test_the_page_knows_every_setting():
    """A new setting has to be taught to the page's engine, too, which is a kernel of its own."""
    source = (Path(__file__).parents[1] / "js" / "src" / "standalone" / "kernel.ts").read_text()
    (names,) = re.findall(r"const SETTINGS = \[(.*?)\]", source, re.DOTALL)
    assert tuple(re.findall(r'"(\w+)"', names)) == SETTINGS


# --- size and policy -----------------------------------------------------------------------------


def test_six_layers_of_twelve_heads_at_64_tokens_take_less_than_a_megabyte(tmp_path):
    widget = aw.AttentionWidget(softmax(6, 12, 64))
    told = widget.html_size(flow="current")
    path = widget.save_html(tmp_path / "a.html", flow="current")
    assert "<h1>Attention among 64 tokens</h1>" in path.read_text(encoding="utf-8")
    size = path.stat().st_size
    assert size < 1_000_000
    assert told.megabytes == pytest.approx(size / 1e6, rel=0.05)
    assert told.seconds > 0
    # What is computed already takes no time any more.
    assert widget.html_size(flow="current").seconds == 0


def test_the_policy_allows_this_script_and_this_style_alone(widget, tmp_path):
    page = parts(widget.save_html(tmp_path / "a.html"))
    rules = dict(rule.split(" ", 1) for rule in page.policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in page.policy
    code = [text for tag, about, text in page.parts if about.get("type") == "module"]
    styles = [text for tag, _, text in page.parts if tag == "style"]
    for rule, (content,) in (("script-src", code), ("style-src", styles)):
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert "eval(" not in code[0]
    assert "new Function" not in code[0]


def test_hostile_tokens_and_titles_stay_text(tmp_path):
    tokens = ["</script><script>bad()</script>", "<!--<script>", "\ud800", "\0", "&lt;", "\u2028"]
    given_ = aw.Attention(softmax(1, 1, 6), tokens)
    title = "<img src=x onerror=bad()> & \udc00"
    page = parts(aw.AttentionWidget(given_).save_html(tmp_path / "a.html", title=title))
    assert [tag for tag, _, _ in page.parts] == ["style", "script", "script", "script"]
    assert json.loads(page.parts[1][2])["state"]["tokens"] == tokens
    text = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert "&lt;img src=x onerror=bad()&gt; &amp; \ufffd" in text
    assert "<img" not in text.replace("<img src=x", "", 0).split("<script")[0]


def test_headings_read_as_text():
    assert (
        heading("it doesn ' t fit , it 's too ( big ) .")
        == "Attention in “it doesn't fit, it's too (big).”"
    )
    assert heading(" ".join(["word"] * 99)).endswith("…”")


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"flow": "some"}, "flow is 'some': choose one of 'none', 'current'"),
        ({"heads": 3}, "heads is 3: choose"),
        ({"budget": 0}, "budget is 0: give a number above 0"),
        ({"patience": "long"}, "patience is 'long': give a number above 0"),
        ({"title": 5}, "title is 5: give text"),
        ({"flows": "current"}, "save_html.* has no setting named 'flows': did you mean 'flow'"),
        ({"budget": 0.1}, r"would take about 0\.\d MB and budget is 0.1 MB: pass budget=1"),
    ],
)
def test_a_mistake_is_one_sentence_and_no_file(widget, tmp_path, options, said):
    with pytest.raises(aw.AttentionError, match=said):
        widget.save_html(tmp_path / "a.html", **options)
    assert list(tmp_path.iterdir()) == []


def test_a_slow_flow_is_refused_before_it_is_computed(tmp_path):
    widget = aw.AttentionWidget(softmax(4, 2, 48))
    with pytest.raises(aw.AttentionError, match=r"flow of this page would take about .* patience"):
        widget.save_html(tmp_path / "a.html", flow="all_levels", patience=1e-6)
    assert list(tmp_path.iterdir()) == []


def test_flow_that_is_shown_is_not_left_out(tmp_path):
    widget = aw.AttentionWidget(SAMPLE, method="flow", levels=(0, 3))
    with pytest.raises(aw.AttentionError, match='flow="none" leaves it out'):
        widget.save_html(tmp_path / "a.html", flow="none")
    page = parts(widget.save_html(tmp_path / "a.html"))
    flow = json.loads(page.parts[1][2])["flow"]
    assert [one["settings"]["levels"] for one in flow["matrices"]] == [[0, 3]]
    assert flow["holds"] == "layers input–3, all heads, residual 0.50"


def test_flow_of_a_pin_comes_along(widget, tmp_path):
    widget.pins = [{"method": "flow", "heads": 8, "selected": [(6, 10), (0, 13)]}]
    page = parts(widget.save_html(tmp_path / "a.html"))
    flow = json.loads(page.parts[1][2])["flow"]
    assert [one["settings"]["heads"] for one in flow["matrices"]] == [8]
    assert flow["holds"] == "1 pin"
    pair = aw.trace(SAMPLE, source=(6, 10), sink=(0, 13), heads=8)
    assert flow["traces"][-1]["trace"]["value"] == pytest.approx(pair.value)


def test_one_residual_a_layer_has_no_flow_of_all_levels(tmp_path):
    widget = aw.AttentionWidget(SAMPLE, residual=[0.5] * 6)
    with pytest.raises(aw.AttentionError, match="needs one residual for all of them"):
        widget.save_html(tmp_path / "a.html", flow="all_levels")


def test_the_shown_heads_alone_are_a_smaller_file(tmp_path):
    widget = aw.AttentionWidget(softmax(3, 12, 64))
    whole = widget.save_html(tmp_path / "all.html").stat().st_size
    alone = widget.save_html(tmp_path / "shown.html", heads="shown").stat().st_size
    assert alone < 0.75 * whole
    widget.top_head = 3
    with pytest.raises(aw.AttentionError, match="top_head to None"):
        widget.save_html(tmp_path / "top.html", heads="shown")


# --- the file ------------------------------------------------------------------------------------


def test_a_file_that_is_there_stays_unless_told(widget, tmp_path):
    path = tmp_path / "a.html"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(aw.AttentionError, match="is there already"):
        widget.save_html(path)
    assert path.read_text(encoding="utf-8") == "mine"
    assert widget.save_html(path, overwrite=True) == path
    assert path.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_a_full_disk_leaves_nothing(widget, tmp_path, monkeypatch):
    def full(_file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(aw.AttentionError, match=r"No space left on device\. Nothing was left"):
        widget.save_html(tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [("a.txt", r"end it with \.html"), ("no/a.html", "cannot be written"), ("f.html", "a folder")],
)
def test_a_path_that_cannot_be_written_is_refused(widget, tmp_path, name, said):
    (tmp_path / "f.html").mkdir()
    with pytest.raises(aw.AttentionError, match=said):
        widget.save_html(tmp_path / name)


def test_a_closed_widget_is_still_saved(widget, tmp_path):
    widget.close()
    page = parts(widget.save_html(tmp_path / "a.html", flow="current"))
    assert json.loads(page.parts[1][2])["state"]["selected"] == [[6, 10]]


# --- the command ---------------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    return str(aw.save(SAMPLE, tmp_path / "trophy.attn"))


def test_the_command_writes_a_page_and_says_where(file, tmp_path, capsys):
    out = tmp_path / "trophy.html"
    options = ["--heads", "0,3", "--levels", "0,4", "--residual", "0.7", "--title", "Trophy"]
    assert cli.main(["html", file, str(out), *options]) == 0
    assert re.fullmatch(rf"{re.escape(str(out))} \(\d+\.\d kB\)\n", capsys.readouterr().out)
    state = json.loads(parts(out).parts[1][2])["state"]
    assert (state["heads"], state["levels"], state["residual"]) == ([0, 3], [0, 4], 0.7)
    assert "<h1>Trophy</h1>" in out.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "is there already: choose another name, or say --overwrite."),
        (["--overwrite", "--flow", "all"], "flow is 'all'"),
        (["--overwrite", "--heads", "12"], "head 12 is out of range"),
        (["--overwrite", "--heads", "median"], "heads must be"),
        (["--overwrite", "--budget", "0.01"], "pass --budget 1, "),
        (["--overwrite", "--budget", "0.01"], "alone, --keep-heads shown"),
        (["--overwrite", "--method", "flow", "--flow", "none"], "say --flow current, or"),
        (["--overwrite", "--method", "grad"], "method is 'grad'"),
    ],
)
def test_a_mistake_of_the_command_is_one_line(file, tmp_path, capsys, options, said):
    out = tmp_path / "a.html"
    out.write_text("mine", encoding="utf-8")
    assert cli.main(["html", file, str(out), *options]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert said in told.err
    assert told.err.count("\n") == 1
    assert out.read_text(encoding="utf-8") == "mine"


def test_the_command_tells_the_size_beforehand(file, tmp_path, capsys):
    out = tmp_path / "a.html"
    assert cli.main(["html", file, str(out), "--size", "--flow", "all_levels"]) == 0
    assert capsys.readouterr().out.startswith("about 0.")
    assert not out.exists()
    with pytest.raises(SystemExit) as ended:
        cli.main(["html", file])
    assert ended.value.code == 2
