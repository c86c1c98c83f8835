import axe from "axe-core";
import { describe, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { makeTheme } from "../../src/color";
import type { Frame } from "../../src/frame";
import { Strip } from "../../src/views/strip";
import { frameOf, rowOf, traceOf } from "../frames";
import { listenersLeft, mount } from "./mount";

const strip = (given: Partial<Frame> = {}, text?: readonly string[]) =>
  mount((context) => new Strip(context), frameOf({ trace: traceOf(), ...given }, text));
const words = (count: number) => Array.from({ length: count }, (_, i) => `word${i}`);

describe("the text", () => {
  test("is text, one element a token", () => {
    const { root, find } = strip();
    expect(find(".aw-tokens").textContent).toBe("CLS the trophy fits it big\u00a0. SEP");
    expect(root.querySelectorAll("[data-token]")).toHaveLength(8);
  });

  test("pieces of a word join", () => {
    expect(strip({ trace: null }, ["cu", "##rie", "smiled"]).find(".aw-tokens").textContent).toBe(
      "curie smiled",
    );
  });

  test("is tinted by relevance; the selected token is ringed instead, the rest is plain", () => {
    const theme = makeTheme(false);
    const { find } = strip({ theme });
    const style = (token: number) => find(`[data-token="${token}"]`).style;
    expect(style(2).backgroundColor).not.toBe("");
    expect(style(2).color).toMatch(/^(rgb\(0, 0, 0\)|rgb\(255, 255, 255\))$/);
    expect(style(1).backgroundColor).toBe("");
    expect(style(4).backgroundColor).toBe("");
    expect(find('[data-token="4"]').matches("[data-ringed][aria-selected=true]")).toBe(true);
  });

  test("follows the trace, the selection and the theme", () => {
    const { find, show } = strip();
    const color = (token: number) => find(`[data-token="${token}"]`).style.backgroundColor;
    const light = color(2);
    show({ theme: makeTheme(true) });
    expect(color(2)).not.toBe(light);
    show({ trace: traceOf({ relevance: rowOf({ 5: 1 }) }) });
    expect([color(2), color(5) !== ""]).toEqual(["", true]);
    show({ selected: [], trace: null });
    expect(color(5)).toBe("");
    expect(find('[data-token="4"]').getAttribute("aria-selected")).toBe("false");
  });

  test("what is still computing is not tinted", () => {
    const relevance = rowOf({ 0: 0.9, 2: 0.1 });
    relevance[5] = Number.NaN;
    const { find } = strip({ method: "flow", trace: traceOf({ method: "flow", relevance }) });
    expect(find('[data-token="5"]').style.backgroundColor).toBe("");
  });
});

describe("picking", () => {
  test("a click traces the output, with Shift the pair, with Ctrl one more of the set", () => {
    const { find, calls } = strip();
    const click = (token: number, keys: MouseEventInit = {}) =>
      find(`[data-token="${token}"]`).dispatchEvent(
        new MouseEvent("click", { bubbles: true, composed: true, ...keys }),
      );
    click(0);
    click(5, { shiftKey: true });
    click(2, { ctrlKey: true });
    click(2, { metaKey: true });
    expect(calls.filter(([action]) => action === "select")).toEqual([
      ["select", [4, 0], "replace"],
      ["select", [0, 5], "pair"],
      ["select", [4, 2], "add"],
      ["select", [4, 2], "add"],
    ]);
  });

  test("the keyboard walks the text and picks", async () => {
    const { find, calls, root } = strip({ selected: [] });
    find('[data-token="0"]').focus();
    await userEvent.keyboard("{ArrowRight}{ArrowRight}{Enter}");
    expect(calls.filter(([action]) => action === "select")).toEqual([
      ["select", [4, 2], "replace"],
    ]);
    await userEvent.keyboard("{End}");
    expect(document.activeElement?.getAttribute("data-token")).toBe("7");
    expect(root.querySelectorAll('.aw-token[tabindex="0"]')).toHaveLength(1);
  });

  test("hovering names the token, leaving ends it", async () => {
    const { find, calls, show } = strip();
    await userEvent.hover(find('[data-token="2"]'));
    expect(calls.at(-1)).toMatchObject(["hover", { target: { kind: "input", token: 2 } }]);
    show({ hovered: { target: { kind: "input", token: 2 }, x: 0, y: 0 } });
    expect(find('[data-token="2"]').matches("[data-hover]")).toBe(true);
    await userEvent.unhover(find('[data-token="2"]'));
    expect(calls.at(-1)).toEqual(["hover", null]);
    show({ hovered: null });
    expect(find('[data-token="2"]').matches("[data-hover]")).toBe(false);
  });
});

describe("any text", () => {
  const nasty = [
    "",
    "x".repeat(5000),
    "👨‍👩‍👧‍👦🎉",
    "שלום",
    "\u202eabc",
    "a\u0301\u0302\u0303",
    "two\nlines",
    "<script>window.pwned = true</script>",
    "</textarea>",
  ];

  test("is shown as text and stays within its room", () => {
    const { root, find, view } = strip({ trace: null, selected: [], width: 480 }, nasty);
    view.update(frameOf({ trace: null, selected: [], width: 480 }, nasty), 440);
    expect(root.querySelector("script")).toBeNull();
    expect("pwned" in window).toBe(false);
    expect(find('[data-token="7"]').textContent).toBe("<script>window.pwned = true</script>");
    expect(find('[data-token="1"]').textContent?.length).toBeLessThan(60);
    for (const token of root.querySelectorAll("[data-token]")) {
      expect(token.getBoundingClientRect().width).toBeGreaterThan(0);
      expect(token.getBoundingClientRect().right).toBeLessThanOrEqual(480);
    }
    const order = Array.from(root.querySelectorAll("[data-token]"), (token) => token.textContent);
    expect(order[3]).toBe("שלום");
  });

  test("no token at all", () => {
    const { find } = strip({ trace: null, selected: [] }, []);
    expect(find(".aw-strip").hidden).toBe(true);
  });
});

describe("long texts", () => {
  test("running text has at most four lines and then scrolls", () => {
    const { find } = strip({ trace: null, selected: [] }, words(160));
    const list = find(".aw-tokens");
    expect(list.clientHeight).toBeLessThanOrEqual(4 * 19);
    expect(list.scrollHeight).toBeGreaterThan(list.clientHeight);
  });

  const long = (given: Partial<Frame> = {}) => {
    const relevance = rowOf({ 10: 0.3, 20: 0.2, 300: 0.1, 400: 0.4 }, 512);
    const trace = traceOf({ n: 512, sources: [400], relevance });
    return strip({ trace, selected: [[4, 400]], ...given }, words(512));
  };

  test("above 160 tokens there is one element for the text, and the strongest are quoted", () => {
    const { root, find, calls } = long();
    expect(root.querySelectorAll(".aw-token")).toHaveLength(0);
    const quotes = Array.from(root.querySelectorAll(".aw-quote"), (quote) => quote.textContent);
    expect(quotes).toHaveLength(3);
    expect(quotes[0]).toBe(
      "30\u00a0%…word5 word6 word7 word8 word9 word10 word11 word12 word13 word14 word15…",
    );
    find('.aw-quote[data-token="20"]').click();
    expect(calls.at(-1)).toEqual(["select", [4, 20], "replace"]);
  });

  test("a press picks the token under it", () => {
    const { find, calls } = long();
    const bar = find(".aw-barcode");
    const { left, width, top } = bar.getBoundingClientRect();
    const clientX = left + (256.5 / 512) * width;
    bar.dispatchEvent(new MouseEvent("click", { clientX, clientY: top + 5, bubbles: true }));
    expect(calls.at(-1)).toEqual(["select", [4, 256], "replace"]);
  });

  test("the keyboard moves along it and says where it is", async () => {
    const { find, calls } = long();
    const bar = find(".aw-barcode");
    expect(bar.getAttribute("aria-valuetext")).toBe("word400, token 400");
    bar.focus();
    await userEvent.keyboard("{Home}{ArrowRight}{Enter}");
    expect(bar.getAttribute("aria-valuetext")).toBe("word1, token 1");
    expect(calls.at(-1)).toEqual(["select", [4, 1], "replace"]);
  });

  test("a saved picture has its columns, ticks and quotes", () => {
    const { view, root } = long();
    const marks = view.marks(root);
    const texts = marks.flatMap((mark) => (mark.kind === "text" ? [mark.text] : []));
    expect(texts).toEqual(expect.arrayContaining(["0", "64", "30\u00a0%"]));
    const bar = root.querySelector("canvas")!.getBoundingClientRect();
    const columns = marks.flatMap((mark) => (mark.kind === "rect" && mark.crisp ? [mark] : []));
    // The paper, and a column for each tinted token, where it is on the screen.
    expect(columns.length).toBe(5);
    const left = bar.left - root.getBoundingClientRect().left;
    expect(columns[1]!.x).toBeCloseTo(left + (10 / 512) * bar.width);
    expect(marks.filter(({ kind }) => kind === "group")).toHaveLength(3);
  });

  test("columns are painted where the relevance is", () => {
    const { root } = long();
    const canvas = root.querySelector("canvas")!;
    const pixels = canvas.getContext("2d")!;
    const at = (token: number) =>
      pixels.getImageData(Math.floor(((token + 0.5) / 512) * canvas.width), 2, 1, 1).data.join();
    expect(at(10)).not.toBe(at(50));
    expect(at(60)).toBe(at(50));
  });
});

test.each([
  ["words", 8],
  ["running text", 100],
  ["barcode", 300],
])("axe finds nothing to complain about (%s)", async (_, count) => {
  const trace = traceOf({ n: count, relevance: rowOf({ 1: 0.5, 4: 0.5 }, count) });
  const { root } = strip({ trace }, words(count));
  const { violations } = await axe.run(root, { rules: { region: { enabled: false } } });
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
});

test("a removed strip leaves no listener", () => {
  const left = listenersLeft(() => ({ end: strip().remove }));
  expect(left).toBe(0);
});
