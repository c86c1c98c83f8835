"""A saved page, opened from disk with no network: the kernel's numbers, without a kernel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pytest
from lab import new_context
from playwright.sync_api import expect

import attn_widget as aw
from attn_widget.baseline import ratio
from attn_widget.rollout import evaluate_terms
from attn_widget.state import SETTINGS as SETTINGS_OF
from attn_widget.wire import unpack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

AXE = Path(__file__).resolve().parents[2] / "js" / "node_modules" / "axe-core" / "axe.min.js"

IT, BIG = 10, 13
SAMPLE = aw.load_sample()

VIOLATIONS = """window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI}`);
});"""

SET = """(changes) => {
  const { model } = document.getElementById("attn-view");
  for (const [name, value] of Object.entries(changes)) model.set(name, value);
  model.save_changes();
}"""

# Arrays on the wire as numbers, everything else as it is.
READ = """(names) => {
  const { model } = document.getElementById("attn-view");
  const types = { float32: Float32Array, int32: Int32Array, uint8: Uint8Array };
  const plain = (value) => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object" || value === null) return value;
    if ("view" in value) {
      const { view, dtype, shape } = value;
      const typed = new types[dtype](view.buffer ?? view, view.byteOffset ?? 0);
      return { values: [...typed], shape };
    }
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
  };
  return Object.fromEntries(names.map((name) => [name, plain(model.get(name))]));
}"""


class OpenPage(Protocol):
    """`html_page(path)`: open a file as a person does, by its name."""

    def __call__(self, path: Path, *, scheme: str = "light", width: int = 1240) -> Page: ...


@pytest.fixture
def html_page(browser: Browser) -> Iterator[OpenPage]:
    """Open files; none may have asked for anything, broken its policy or logged an error."""
    complaints: list[str] = []
    pages: list[Page] = []

    def open_page(path: Path, *, scheme: str = "light", width: int = 1240) -> Page:
        context = new_context(browser, width=width, height=900)
        context.set_offline(True)
        page = context.new_page()
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.add_init_script(VIOLATIONS)
        page.on(
            "request",
            lambda asked: (
                None
                if asked.url == path.as_uri() or asked.url.startswith("blob:")
                else complaints.append(f"asked for {asked.url}")
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(path.as_uri())
        expect(page.locator(".aw-sentence")).not_to_be_empty()
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        complaints += page.evaluate("window.violations")
        page.context.close()
    assert complaints == []


def saved(folder: Path, given: Any = SAMPLE, **settings: Any) -> tuple[Path, aw.AttentionWidget]:
    options = {name: settings.pop(name) for name in ("flow", "heads_kept") if name in settings}
    if "heads_kept" in options:
        options["heads"] = options.pop("heads_kept")
    widget = aw.AttentionWidget(given, **settings)
    return widget.save_html(folder / "page.html", **options), widget


def put(page: Page, **changes: Any) -> None:
    page.evaluate(SET, changes)


def read(page: Page, *names: str) -> Any:
    found = page.evaluate(READ, list(names))
    return found[names[0]] if len(names) == 1 else found


def array(wire: Any) -> Any:
    """An array as the page has it, or as the kernel sends it."""
    if wire is None:
        return None
    if "values" in wire:
        # NaN and infinity travel as null
        return np.array(wire["values"], dtype=float).reshape(wire["shape"])
    return unpack(wire).astype(float)


def evaluated(terms: Any, residual: float) -> Any:
    return terms[0] if len(terms) == 1 else evaluate_terms(terms, residual)


def shown_matrix(page: Page) -> Any:
    found = read(page, "shown_matrix", "residual")
    residual, matrix = found["residual"], found["shown_matrix"]
    shares = evaluated(array(matrix["terms"]), residual)
    even = array(matrix["even"]) if matrix.get("even") else None
    return shares if even is None else ratio(shares, evaluated(even, residual))


def shown_relevance(page: Page) -> Any:
    """As the front end reads it off the trace."""
    found = read(page, "shown_trace", "residual")
    trace, residual = found["shown_trace"], found["residual"]
    start, stop = trace["levels"]
    if trace["relevance"] is not None:
        shares = array(trace["relevance"])
    elif trace["sources"] is None and trace["sinks"] is not None:
        rows = stop - start + 1 if trace["polynomial"] else 1
        shares = evaluated(array(trace["up"])[-rows:], residual)
    else:
        rows = stop - start + 1 if trace["polynomial"] else 1
        shares = evaluated(array(trace["down"])[:rows], residual)
    even = array(trace["even"])
    return shares if even is None else ratio(shares, evaluated(even, residual))


ARRAYS = ("down", "up", "edges", "weights", "context", "relevance", "relevance_binding", "even")


def assert_same_trace(there: dict[str, Any], here: dict[str, Any], rel: float) -> None:
    assert there.keys() == here.keys()
    for name in there.keys() - {*ARRAYS, "cut", "cut_capacity", "source_side"}:
        wanted = list(here[name]) if isinstance(here[name], tuple) else here[name]
        assert there[name] == wanted, name
    for name in ARRAYS:
        mine, theirs = array(here[name]), array(there[name])
        if mine is None or theirs is None:
            assert mine is theirs, name
        elif name == "context":
            # Edges that tie may come in another order.
            assert {*map(tuple, theirs.tolist())} == {*map(tuple, mine.tolist())}
        else:
            np.testing.assert_allclose(theirs, mine, rtol=rel, atol=1e-12, err_msg=name)


SETTINGS: list[dict[str, Any]] = [
    {},
    {"selected": [(6, IT)]},
    {"selected": [(6, IT), (0, BIG)], "residual": 0.3},
    {"selected": [(6, 2), (6, 8)], "heads": "max"},
    {"selected": [(0, BIG)], "heads": [0, 3, 8], "residual": 0.8},
    {"levels": (1, 4), "selected": [(4, IT)], "heads": "min", "top_head": 8},
    {"drop": [0, 15], "selected": [(6, IT)], "heads": 3},
    {"residual": [0.1, 0.2, 0.3, 0.4, 0.5, 1.0], "selected": [(3, IT)]},
    {"method": "attention", "levels": (0, 4), "selected": [(4, IT)], "heads": 8},
    {"method": "attention", "selected": [(0, BIG)], "drop": [0]},
    {"baseline": "uniform", "selected": [(6, IT)], "drop": [0]},
    {"baseline": "uniform", "selected": [(0, BIG)], "method": "attention"},
    {"baseline": "uniform", "selected": [(0, BIG)], "residual": [0.5] * 6},
]


@pytest.mark.parametrize("exact", [True, False], ids=["float16", "float32"])
def test_every_number_is_the_kernels(html_page: OpenPage, tmp_path: Path, exact: bool) -> None:
    given = SAMPLE
    if not exact:
        noise = np.random.default_rng(5).uniform(0.8, 1.25, SAMPLE.weights.shape)
        weights = SAMPLE.weights * noise
        weights /= weights.sum(axis=-1, keepdims=True)
        given = aw.Attention(weights.astype(np.float32), SAMPLE.tokens)
    rel = 2e-6 if exact else 1e-3
    path, _ = saved(tmp_path, given)
    page = html_page(path)
    defaults = aw.AttentionWidget(given)
    names = (*SETTINGS_OF, "selected")
    for settings in SETTINGS:
        widget = aw.AttentionWidget(given, **settings)
        put(page, **{name: getattr(widget, name) for name in names})
        assert read(page, "error") == ""
        assert read(page, "note") == widget.note
        np.testing.assert_allclose(shown_matrix(page), widget.matrix, rtol=rel, atol=1e-12)
        np.testing.assert_allclose(shown_relevance(page), widget.relevance, rtol=rel, atol=1e-12)
        if exact:
            assert_same_trace(read(page, "shown_trace"), widget.shown_trace, rel)
        put(page, heads_open=True)
        widget.heads_open = True
        there = read(page, "head_maps", "head_shares")
        shares = array(there["head_shares"]["shares"])
        np.testing.assert_allclose(shares, array(widget.head_shares["shares"]), rtol=rel)
        entropy = array(there["head_maps"]["entropy"])
        np.testing.assert_allclose(entropy, array(widget.head_maps["entropy"]), atol=1e-3)
        maps, wanted = array(there["head_maps"]["maps"]), array(widget.head_maps["maps"])
        assert np.abs(maps - wanted).max() <= 1
        put(page, heads_open=False)
    put(page, **{name: getattr(defaults, name) for name in names})
    np.testing.assert_allclose(shown_matrix(page), defaults.matrix, rtol=rel)


def test_a_long_text_has_the_same_strongest_edges(html_page: OpenPage, tmp_path: Path) -> None:
    n = 80
    weights = np.random.default_rng(2).gamma(0.2, size=(3, 2, n, n)) + 1e-6
    weights *= np.tri(n)
    weights /= weights.sum(axis=-1, keepdims=True)
    given = aw.Attention(weights.astype(np.float16), normalise=True)
    path, widget = saved(tmp_path, given, selected=[(3, n - 1)])
    page = html_page(path)
    assert_same_trace(read(page, "shown_trace"), widget.shown_trace, 1e-3)
    np.testing.assert_allclose(shown_matrix(page), widget.matrix, rtol=1e-3, atol=1e-9)
    widget.baseline = "uniform"
    put(page, baseline="uniform", residual=0.6)
    widget.residual = 0.6
    np.testing.assert_allclose(shown_matrix(page), widget.matrix, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(shown_relevance(page), widget.relevance, rtol=1e-3, atol=1e-9)
    widget.heads_open = True
    put(page, heads_open=True)
    maps = array(read(page, "head_maps")["maps"])
    assert np.abs(maps - array(widget.head_maps["maps"])).max() <= 1


def test_levels_take_the_selection_along(html_page: OpenPage, tmp_path: Path) -> None:
    path, widget = saved(tmp_path, selected=[(6, IT)], residual=[0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    page = html_page(path)
    put(page, levels=[1, 4])
    widget.levels = (1, 4)
    assert read(page, "selected") == [[4, IT]]
    assert read(page, "residual") == pytest.approx(widget.residual)
    np.testing.assert_allclose(shown_relevance(page), widget.relevance, rtol=2e-6)


def test_flow_of_every_range_is_live_and_another_residual_is_refused(
    html_page: OpenPage, tmp_path: Path
) -> None:
    path, widget = saved(tmp_path, method="flow", selected=[(6, IT), (0, BIG)], flow="all_levels")
    page = html_page(path)
    # The shown pair with its cut, as the kernel computed it.
    widget.matrix  # noqa: B018 - waits for the picture
    there = read(page, "shown_trace")
    pair = aw.trace(SAMPLE, source=(6, IT), sink=(0, BIG))
    assert there["value"] == pytest.approx(pair.value)
    assert there["binding"] == pair.binding
    for levels in ((0, 6), (0, 3), (2, 5)):
        put(page, levels=levels, selected=[[levels[1], IT]])
        assert read(page, "error") == ""
        wanted = aw.attention_flow(SAMPLE, levels=levels)
        np.testing.assert_allclose(shown_matrix(page), wanted, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(shown_relevance(page), wanted[IT], rtol=1e-6, atol=1e-7)
    # From a token in the middle, and from an input upwards.
    put(page, levels=(0, 6), selected=[[3, IT]])
    below = aw.attention_flow(SAMPLE, levels=(0, 3))
    np.testing.assert_allclose(shown_relevance(page), below[IT], rtol=1e-6, atol=1e-7)
    put(page, selected=[[0, BIG]])
    whole = aw.attention_flow(SAMPLE)
    np.testing.assert_allclose(shown_relevance(page), whole[:, BIG], rtol=1e-6, atol=1e-7)

    put(page, residual=0.7)
    assert "not in this file" in read(page, "error")
    assert read(page, "residual") == 0.5
    expect(page.get_by_role("alert")).to_contain_text("every range of layers, all heads")
    # Another pair has its value and no path.
    put(page, selected=[[6, 2], [0, 3]])
    found = read(page, "shown_trace")
    assert found["value"] == pytest.approx(whole[2, 3])
    assert array(found["weights"]).size == 0
    assert "paths of this flow are not in this file" in read(page, "note")
    expect(page.locator(".aw-sentence")).to_contain_text(f"at most {whole[2, 3]:.2f} from ‘does’")
    put(page, selected=[[6, 2], [6, 3], [0, 3]])
    assert "between these sets is not in this file" in read(page, "error")
    assert read(page, "selected") == [[6, 2], [0, 3]]
    # Rollout is live whatever the flow is.
    put(page, method="rollout", residual=0.7)
    assert read(page, "error") == ""
    np.testing.assert_allclose(shown_matrix(page), aw.rollout(SAMPLE, residual=0.7), rtol=2e-6)


def test_a_file_without_flow_says_so(html_page: OpenPage, tmp_path: Path) -> None:
    page = html_page(saved(tmp_path)[0])
    page.get_by_role("radio", name="Flow").click()
    expect(page.get_by_role("alert")).to_contain_text("saved without flow")
    expect(page.get_by_role("radio", name="Rollout")).to_be_checked()
    page.get_by_role("radio", name="Attention").click()
    expect(page.get_by_role("alert")).to_be_hidden()


def test_a_word_of_several_pieces_has_its_flow(html_page: OpenPage, tmp_path: Path) -> None:
    given = aw.load_sample("curie")
    words = aw.split_words(given.tokens, special=given.special)
    word = next(w for w in range(len(words.labels)) if words.of_token.count(w) == 2)
    first = words.of_token.index(word)
    path, _ = saved(tmp_path, given, method="flow", merge_words=True, levels=(0, 3))
    page = html_page(path)
    put(page, selected=[[3, first], [3, first + 1]])
    assert read(page, "error") == ""
    wanted = aw.attention_flow(given, levels=(0, 3))[[first, first + 1]].mean(axis=0)
    np.testing.assert_allclose(shown_relevance(page), wanted, rtol=1e-6, atol=1e-7)
    put(page, selected=[[3, first], [3, first + 3]])
    assert "together is not in this file" in read(page, "error")


def test_two_pins_are_compared(html_page: OpenPage, tmp_path: Path) -> None:
    path, widget = saved(tmp_path, selected=[(6, IT)])
    page = html_page(path)
    page.get_by_role("button", name="Pin this").click()
    put(page, residual=0.8, heads="max")
    page.get_by_role("button", name="Pin this").click()
    widget.pin()
    widget.residual, widget.heads = 0.8, "max"
    widget.pin()
    page.wait_for_function(
        "() => document.getElementById('attn-view').model.get('pins').every((pin) => pin.name)"
    )
    assert [pin["name"] for pin in read(page, "pins")] == [pin["name"] for pin in widget.pins]
    page.get_by_role("button", name="Compare").click()
    page.wait_for_function(
        "() => 'a' in document.getElementById('attn-view').model.get('shown_comparison')"
    )
    found = read(page, "shown_comparison")
    for side, settings in (("a", {}), ("b", {"residual": 0.8, "heads": "max"})):
        matrix = array(found[side]["matrix"]["terms"])
        np.testing.assert_allclose(matrix[0], aw.rollout(SAMPLE, **settings), rtol=2e-6)
        relevance = array(found[side]["trace"]["relevance"])
        np.testing.assert_allclose(relevance, aw.rollout(SAMPLE, **settings)[IT], rtol=2e-6)
    page.get_by_role("button", name="End comparison").click()
    page.wait_for_function(
        "() => !('a' in document.getElementById('attn-view').model.get('shown_comparison'))"
    )


def test_pins_that_are_not_in_the_file_do_not_stop_it(html_page: OpenPage, tmp_path: Path) -> None:
    widget = aw.AttentionWidget(SAMPLE, pins=[{"heads": 3}, {"method": "flow", "levels": (0, 3)}])
    widget.compared = [0, 1]
    whole, alone = tmp_path / "all.html", tmp_path / "shown.html"
    widget.save_html(whole)
    widget.save_html(alone, heads="shown")
    found = read(html_page(whole), "shown_comparison", "error")
    assert found["error"] == ""
    matrix = array(found["shown_comparison"]["b"]["matrix"]["terms"])
    wanted = aw.attention_flow(SAMPLE, levels=(0, 3))
    np.testing.assert_allclose(matrix[0], wanted, rtol=1e-6, atol=1e-7)
    page = html_page(alone)
    expect(page.get_by_role("alert")).to_contain_text("Other heads are not in this file")
    assert read(page, "compared") == []
    np.testing.assert_allclose(shown_matrix(page), widget.matrix, rtol=1e-3)


def test_a_hand_reaches_every_control(html_page: OpenPage, tmp_path: Path) -> None:
    page = html_page(saved(tmp_path)[0])
    page.locator("[data-token='10']").click()
    expect(page.locator(".aw-sentence")).to_contain_text("‘it’ at layer 6 draws")
    page.locator("[data-control=residual]").fill("0.65")
    page.locator("[data-control=heads]").fill("4")
    page.locator("[data-control=layers-stop]").fill("4")
    expect(page.locator(".aw-sentence")).to_contain_text("‘it’ at layer 4 draws")
    wanted = aw.rollout(SAMPLE, levels=(0, 4), heads=3, residual=0.65)[IT]
    page.wait_for_function(
        "() => document.getElementById('attn-view').model.get('levels')[1] === 4"
    )
    np.testing.assert_allclose(shown_relevance(page), wanted, rtol=2e-6)
    page.locator(".aw-stage").press("Escape")
    expect(page.locator(".aw-sentence")).to_contain_text("pick a token to trace it")
    page.locator("[data-action=heads]").click()
    expect(page.locator(".aw-heads")).to_be_visible()
    page.locator("[data-action=save]").click()
    with page.expect_download() as download:
        page.get_by_text("SVG").click()
    assert download.value.suggested_filename == "rollout.svg"
    assert "<svg" in Path(download.value.path()).read_text(encoding="utf-8")


def test_only_the_shown_heads_are_kept(html_page: OpenPage, tmp_path: Path) -> None:
    path, widget = saved(tmp_path, heads="max", selected=[(6, IT)], heads_kept="shown")
    page = html_page(path)
    np.testing.assert_allclose(shown_matrix(page), widget.matrix, rtol=1e-3)
    put(page, residual=0.2, drop=[0])
    wanted = aw.rollout(SAMPLE, heads="max", residual=0.2, drop=[0])
    np.testing.assert_allclose(shown_matrix(page), wanted, rtol=1e-3)
    put(page, heads=3)
    expect(page.get_by_role("alert")).to_contain_text("It keeps the max of all heads alone")
    assert read(page, "heads") == "max"
    page.locator("[data-action=heads]").click()
    expect(page.locator(".aw-heads")).to_be_visible()


HOSTILE = ["</script><script>window.hacked=1</script>", "<!--", "-->", "]]>", "\ud83d", "&amp;\0"]


def test_tokens_are_text_whatever_they_hold(html_page: OpenPage, tmp_path: Path) -> None:
    given = aw.Attention(SAMPLE.weights[:, :, :6, :6], HOSTILE, normalise=True)
    path, widget = saved(tmp_path, given, selected=[(6, 0)])
    page = html_page(path)
    assert page.evaluate("window.hacked") is None
    # Half a surrogate pair has no place in UTF-8, so it is compared by its codes.
    codes = page.evaluate(
        "() => document.getElementById('attn-view').model.get('tokens')"
        ".map((token) => [...Array(token.length).keys()].map((i) => token.charCodeAt(i)))"
    )
    assert codes == [[ord(sign) for sign in token] for token in HOSTILE]
    np.testing.assert_allclose(shown_matrix(page), widget.matrix, rtol=1e-3)
    expect(page.get_by_role("heading", level=1)).to_contain_text("</script>")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(html_page: OpenPage, tmp_path: Path, scheme: str) -> None:
    page = html_page(saved(tmp_path, selected=[(6, IT)], heads_open=True)[0], scheme=scheme)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run()).violations")
    assert [f"{it['id']}: {[n['target'] for n in it['nodes']]}" for it in found] == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, paper[4:-1].split(","))) < 384) == (scheme == "dark")


def test_a_damaged_file_says_so(browser: Browser, tmp_path: Path) -> None:
    path, _ = saved(tmp_path)
    text = path.read_text(encoding="utf-8")
    place = text.index('id="attn-data">') + 600
    path.write_text(text[:place] + "AAAA" + text[place + 4 :], encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    expect(page.get_by_role("alert")).to_contain_text("The picture cannot be drawn")
    page.close()
