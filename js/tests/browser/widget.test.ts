import axe from "axe-core";
import { afterEach, describe, expect, test, vi } from "vitest";
import { userEvent } from "vitest/browser";
import type { HeadMaps, HeadShares, Pin, WidgetState, Words } from "../../src/model";
import { packed } from "../stages";
import { type Opened, open as openWidget } from "./fake";
import { listenersLeft } from "./mount";

const opened: Opened[] = [];
afterEach(() => {
  for (const widget of opened.splice(0)) widget.close();
  document.body.removeAttribute("style");
});

function open(given: Partial<WidgetState> = {}, width?: number): Opened {
  const widget = openWidget(given, width);
  opened.push(widget);
  return widget;
}

const pinOf = (given: Partial<Pin> = {}): Pin => ({
  name: "‘it’, head 3",
  method: "rollout",
  levels: [0, 4],
  heads: 3,
  top_head: null,
  residual: 0.65,
  drop: [],
  baseline: null,
  selected: [[4, 10]],
  ...given,
});
const other = pinOf({ name: "‘it’, all heads", heads: "mean", residual: 0.5 });

const [layers, heads, side] = [6, 12, 16];
const maps: HeadMaps = {
  maps: packed(
    Uint8Array.from({ length: layers * heads * side ** 2 }, (_, i) => (i * 37) % 256),
    [layers, heads, side, side],
  ),
  tops: packed(new Float32Array(layers * heads).fill(0.5), [layers, heads]),
  entropy: packed(
    Float32Array.from({ length: layers * heads }, (_, i) => ((i * 5) % 12) / 3),
    [layers, heads],
  ),
};
const shares: HeadShares = {
  levels: [0, 4],
  shares: packed(
    Float32Array.from({ length: 4 * heads }, (_, i) => (i % heads === 7 ? 0.45 : 0.05)),
    [4, heads],
  ),
};

describe("pins", () => {
  test("pinning sends the settings and leaves the name to the kernel", async () => {
    const { find, state, saved, drawn } = open({ residual: 0.4 });
    find("[data-action=pin]").click();
    await drawn();
    expect(state.pins).toEqual([pinOf({ name: "", residual: 0.4 })]);
    expect(saved).toEqual([{ pins: state.pins }]);
    find(".aw-stage").focus();
    await userEvent.keyboard("p");
    expect(state.pins).toHaveLength(2);
  });

  test("showing one sets everything in one message", async () => {
    const { find, saved, drawn } = open({ pins: [pinOf(), other] });
    find("[data-pin='1'] .aw-chip-show").click();
    await drawn();
    const { name: _, ...settings } = other;
    expect(saved).toEqual([settings]);
  });

  test("a removed pin takes its comparison with it, and the others move up", async () => {
    const { find, state, change, drawn } = open({ pins: [pinOf(), other, pinOf({ name: "C" })] });
    change({ compared: [0, 2] });
    await drawn();
    find("[data-pin='1'] .aw-chip-remove").click();
    expect(state.compared).toEqual([0, 1]);
    expect(state.pins.map(({ name }) => name)).toEqual(["‘it’, head 3", "C"]);
    await drawn();
    find("[data-pin='0'] .aw-chip-remove").click();
    expect(state.compared).toEqual([]);
  });

  test("a name is given in place, and an empty one asks the kernel", async () => {
    const { find, state, drawn } = open({ pins: [pinOf()] });
    find(".aw-chip-show").focus();
    await userEvent.keyboard("{F2}");
    await drawn();
    await userEvent.keyboard("the pronoun{Enter}");
    expect(state.pins[0]!.name).toBe("the pronoun");
    await drawn();
    expect(find(".aw-chip-name").textContent).toBe("the pronoun");
    find(".aw-chip-show").dispatchEvent(new MouseEvent("dblclick", { bubbles: true }));
    await drawn();
    await userEvent.keyboard("no{Escape}");
    expect(state.pins[0]!.name).toBe("the pronoun");
  });
});

describe("comparison", () => {
  test("of two pins at a click: the first one's settings are shown", async () => {
    const { find, saved, state, drawn, root } = open({ pins: [other, pinOf()] });
    find("[data-action=compare]").click();
    await drawn();
    const { name: _, ...settings } = other;
    expect(saved).toEqual([{ ...settings, compared: [0, 1] }]);
    const poles = [...root.querySelectorAll("[data-pole]")];
    expect(poles.map((chip) => chip.getAttribute("data-pole"))).toEqual(["a", "b"]);
    find("[data-action=swap]").click();
    await drawn();
    expect(state.compared).toEqual([1, 0]);
    expect(state.heads).toBe(3);
    find("[data-action=end-comparison]").click();
    expect(state.compared).toEqual([]);
  });

  test.each([1200, 480])("at %i px A and B wear the poles of the scale", async (width) => {
    const { find, root, drawn } = open({ pins: [other, pinOf()] }, width);
    find("[data-action=compare]").click();
    await drawn();
    const chips = [...root.querySelectorAll("[data-pole] .aw-badge")];
    const colors = chips.map((chip) => getComputedStyle(chip).backgroundColor);
    expect(colors).toEqual(["rgb(49, 68, 186)", "rgb(163, 56, 16)"]);
  });

  test("of three pins, two are chosen", async () => {
    const { find, state, drawn } = open({ pins: [pinOf(), other, pinOf({ name: "C" })] });
    find("[data-action=compare]").click();
    await drawn();
    expect(find(".aw-foot-hint").textContent).toBe("Choose a first pin");
    find("[data-pin='2'] .aw-chip-show").click();
    await drawn();
    find("[data-pin='0'] .aw-chip-show").click();
    expect(state.compared).toEqual([2, 0]);
  });

  test.each([
    ["another method", (w: Opened) => w.find("[data-value=attention]").click()],
    ["another head", (w: Opened) => userEvent.fill(w.find("[data-control=heads]"), "5")],
    ["another residual", (w: Opened) => userEvent.fill(w.find("[data-control=residual]"), "0.1")],
    ["another token", (w: Opened) => w.find("[data-token='3']").click()],
  ])("ends with %s", async (_, change) => {
    const widget = open({ pins: [pinOf(), other], compared: [0, 1] });
    await change(widget);
    expect(widget.state.compared).toEqual([]);
  });

  test("does not end with what changes no number", async () => {
    const { find, state } = open({ pins: [pinOf(), other], compared: [0, 1] });
    await userEvent.fill(find("[data-control=mass]"), "0.5");
    find("[data-action=heads]").click();
    expect(state.compared).toEqual([0, 1]);
  });
});

describe("heads", () => {
  test("unfold, and wait for the kernel", async () => {
    const { find, state, drawn, change } = open();
    expect(find(".aw-heads").hidden).toBe(true);
    find("[data-action=heads]").click();
    await drawn();
    expect(state.heads_open).toBe(true);
    expect(find("[data-action=heads]").getAttribute("aria-expanded")).toBe("true");
    expect(find(".aw-heads-waiting").offsetHeight).toBeGreaterThan(0);
    change({ head_maps: maps, head_shares: shares });
    await drawn();
    expect(find(".aw-heads-buttons").children).toHaveLength(72);
    expect(find(".aw-heads-waiting").offsetHeight).toBe(0);
  });

  const unfolded = () => open({ heads_open: true, head_maps: maps, head_shares: shares });
  const named = (widget: Opened, name: RegExp) =>
    [...widget.root.querySelectorAll<HTMLElement>(".aw-head")].find((button) =>
      name.test(button.getAttribute("aria-label") ?? ""),
    )!;

  test("a click picks a head of all layers, a second one lets it go", async () => {
    const widget = unfolded();
    named(widget, /^Layer 2, head 8,/).click();
    await widget.drawn();
    expect(widget.state.heads).toBe(8);
    const pressed = widget.root.querySelectorAll(".aw-head[aria-pressed=true]");
    // Layers 5 and 6 are outside the range.
    expect(pressed).toHaveLength(4);
    named(widget, /^Layer 1, head 8,/).click();
    expect(widget.state.heads).toBe("mean");
  });

  test("arrows walk over the maps, Enter picks", async () => {
    const widget = unfolded();
    named(widget, /^Layer 1, head 0,/).focus();
    await userEvent.keyboard("{ArrowRight}{ArrowRight}");
    expect(document.activeElement).toBe(named(widget, /^Layer 1, head 2,/));
    await userEvent.keyboard("{ArrowDown}");
    expect(document.activeElement).toBe(named(widget, /^Layer 1, head 6,/));
    await userEvent.keyboard("{Enter}");
    expect(widget.state.heads).toBe(6);
    await userEvent.keyboard("{End}");
    expect(document.activeElement).toBe(named(widget, /^Layer 6, head 11,/));
    expect(widget.root.querySelectorAll(".aw-head[tabindex='0']")).toHaveLength(1);
  });

  test("sorted by contribution the strongest of each layer comes first", async () => {
    const widget = unfolded();
    widget.find("[data-control=head-order] [data-value=share]").click();
    await widget.drawn();
    const names = [...widget.root.querySelectorAll(".aw-head")].map((button) =>
      button.getAttribute("aria-label"),
    );
    expect(names[0]).toMatch(/^Layer 1, head 7, .* 45\.0\s% of the selection’s trace$/);
    // Outside of the trace there is nothing to sort by.
    expect(names[4 * heads]).toMatch(/^Layer 5, head 0, entropy [\d.]+ bits$/);
  });

  test("a hover names and enlarges the map, inside the widget", async () => {
    const widget = unfolded();
    await userEvent.hover(named(widget, /^Layer 3, head 11,/));
    const tip = widget.find(".aw-head-tip");
    expect(tip.hidden).toBe(false);
    expect(tip.textContent).toContain("Layer 3, head 11");
    const [box, around] = [tip, widget.root].map((el) => el.getBoundingClientRect());
    expect(box!.bottom).toBeLessThanOrEqual(around!.bottom);
    expect(box!.right).toBeLessThanOrEqual(around!.right);
    expect(widget.find(".aw-head-large").clientWidth).toBeGreaterThan(120);
  });

  test("in a narrow widget they are a tab", async () => {
    const widget = open({ head_maps: maps, head_shares: shares }, 480);
    expect(widget.find("[data-action=heads]").hidden).toBe(true);
    widget.find("[data-control=tab] [data-value=heads]").click();
    await widget.drawn();
    expect(widget.state.heads_open).toBe(true);
    expect(widget.find(".aw-stage").hidden).toBe(true);
    expect(widget.find(".aw-heads").hidden).toBe(false);
    widget.find("[data-control=tab] [data-value=graph]").click();
    await widget.drawn();
    expect(widget.find(".aw-stage").hidden).toBe(false);
    expect(widget.state.heads_open).toBe(false);
  });
});

describe("words and special tokens", () => {
  test("hiding takes them out of sight and says so; no number is asked for", async () => {
    const { find, state, saved, drawn, root } = open();
    find("[data-action=settings]").click();
    find("[data-control=hide-special]").click();
    await drawn();
    expect(saved).toEqual([{ hide_special: true }]);
    expect(root.querySelectorAll(".aw-token")).toHaveLength(state.tokens.length - 2);
    expect(find(".aw-facts").textContent).toContain("CLS and SEP hidden");
    // The index of what is shown is not that of the token.
    find("[data-token='0']").click();
    expect(state.selected).toEqual([[4, 1]]);
  });

  test("dropping changes the graph, and the strip strikes them out", async () => {
    const { find, state, drawn } = open();
    find("[data-control=drop-special]").click();
    await drawn();
    expect(state.drop).toEqual([0, 15]);
    expect(find("[data-token='0']").hasAttribute("data-dropped")).toBe(true);
    expect(getComputedStyle(find("[data-token='0']")).textDecorationLine).toBe("line-through");
    expect(find(".aw-facts").textContent).toContain("CLS and SEP dropped");
    find("[data-control=drop-special]").click();
    expect(state.drop).toEqual([]);
  });

  test("a click on a word selects all its pieces", async () => {
    const words: Words = {
      labels: Array.from({ length: 15 }, (_, i) => `word${i}`),
      of_token: Array.from({ length: 16 }, (_, i) => (i < 3 ? i : i - 1)),
    };
    const { find, state, drawn } = open({ words });
    find("[data-control=merge-words]").click();
    await drawn();
    expect(find("[data-token='2']").textContent).toBe("word2");
    find("[data-token='2']").click();
    expect(state.selected).toEqual([
      [4, 2],
      [4, 3],
    ]);
  });

  test("what is selected is let go before it is hidden", async () => {
    const { find, state } = open({ selected: [[4, 0]] });
    find("[data-control=hide-special]").click();
    expect([state.hide_special, state.selected]).toEqual([true, []]);
  });
});

describe("saving", () => {
  const answers = (widget: Opened) =>
    vi.waitUntil(() => widget.messages.filter(([, buffers]) => buffers.length > 0).at(-1));

  test("a view that opens says so", () => {
    expect(open().messages).toEqual([[{ type: "view" }, []]]);
  });

  test("the kernel gets the picture as vectors and text", async () => {
    const widget = open();
    widget.tell({ type: "picture", id: 3, format: "svg" });
    const [content, [bytes]] = (await answers(widget))!;
    expect(content).toEqual({ type: "picture", id: 3, format: "svg" });
    const svg = new TextDecoder().decode(bytes);
    const page = new DOMParser().parseFromString(svg, "image/svg+xml");
    expect(page.querySelector("parsererror")).toBe(null);
    const sentence = widget.find(".aw-sentence").textContent;
    expect(page.querySelector("title")?.textContent).toBe(sentence);
    const texts = [...page.querySelectorAll("text")].map((text) => text.textContent);
    // The sentence as it reads, the text, the rows, the scale.
    expect(texts.join(" ")).toContain("draws");
    expect(texts.filter((text) => text === "suitcase")).toHaveLength(4);
    expect(texts).toContain("share of an output token, %");
    expect(page.querySelectorAll("path").length).toBeGreaterThan(50);
  });

  test("and as pixels, two for each px", async () => {
    const widget = open();
    widget.tell({ type: "picture", id: 4, format: "png" });
    const [, [bytes]] = (await answers(widget))!;
    const image = await createImageBitmap(new Blob([bytes!], { type: "image/png" }));
    expect(image.width).toBe(2 * 1200);
  });

  test("a download has a name that says what it is", async () => {
    const widget = open();
    let name = "";
    const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (
      this: HTMLAnchorElement,
    ) {
      name = this.download;
    });
    widget.find("[data-action=save]").click();
    widget.find("[data-format=svg]").click();
    await vi.waitUntil(() => name !== "");
    click.mockRestore();
    expect(name).toBe("rollout-it.svg");
    expect(widget.find<HTMLButtonElement>("[data-action=save]").ariaExpanded).toBe("false");
  });
});

describe("the page's theme", () => {
  const repaint = (color: string): void => {
    document.body.style.setProperty("--jp-layout-color0", color);
  };

  test("is followed as soon as its colours come", async () => {
    const { root } = open();
    await vi.waitFor(() => expect(root.dataset["theme"]).toBe("light"));
    repaint("#111");
    await vi.waitFor(() => expect(root.dataset["theme"]).toBe("dark"));
  });

  test("is followed where the host hides the widget while it switches", async () => {
    const { root, drawn } = open();
    await drawn();
    const { style } = root.parentElement!;
    style.display = "none";
    repaint("#111");
    expect(root.clientWidth).toBe(0);
    style.display = "";
    await vi.waitFor(() => expect(root.dataset["theme"]).toBe("dark"));
  });
});

test("a browser without ResizeObserver is followed when its window changes", async () => {
  vi.stubGlobal("ResizeObserver", undefined);
  try {
    const { root, find, drawn } = open({}, 1200);
    await drawn();
    expect(root.dataset["size"]).toBe("wide");
    expect(find<HTMLCanvasElement>(".aw-stage canvas").width).toBeGreaterThan(1000);
    root.parentElement!.style.width = "480px";
    window.dispatchEvent(new Event("resize"));
    await drawn();
    expect(root.dataset["size"]).toBe("narrow");
  } finally {
    vi.unstubAllGlobals();
  }
});

describe("the whole widget", () => {
  const everything = {
    heads_open: true,
    head_maps: maps,
    head_shares: shares,
    pins: [pinOf(), other],
  };

  test.each([
    ["light", 1200, "#fff"],
    ["dark", 1200, "#111"],
    ["light", 900, "#fff"],
    ["dark", 480, "#111"],
  ])("axe finds nothing to complain about (%s, %i px)", async (theme, width, paper) => {
    document.body.style.background = paper;
    const widget = open({ ...everything, drop: [0, 15] }, width);
    await widget.drawn();
    expect(widget.root.getAttribute("data-theme")).toBe(theme);
    for (const compared of [[], [0, 1]]) {
      widget.change({ compared });
      await widget.drawn();
      const { violations } = await axe.run(widget.root, { rules: { region: { enabled: false } } });
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
    }
    widget.find("[data-action=settings]").click();
    const { violations } = await axe.run(widget.find(".aw-popover"));
    expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  });

  test.each([480, 719, 720, 900, 1080, 1200, 1600])(
    "at %i px the foot sticks out nowhere and covers nothing",
    async (width) => {
      const names = ["a name", "a rather long name of a pin", "another", "and one more"];
      const pins = names.map((name) => pinOf({ name }));
      const widget = open({ ...everything, pins }, width);
      await widget.drawn();
      const [root, foot, heads_] = [".aw-body", ".aw-foot", ".aw-heads"].map((part) =>
        widget.find(part).getBoundingClientRect(),
      );
      expect(widget.root.scrollWidth).toBeLessThanOrEqual(width);
      expect(foot!.left).toBeGreaterThanOrEqual(root!.left);
      expect(foot!.right).toBeLessThanOrEqual(root!.right);
      expect(foot!.bottom).toBeLessThanOrEqual(root!.bottom);
      if (width >= 720) expect(foot!.bottom).toBeLessThanOrEqual(heads_!.top);
    },
  );

  test("every control is reached by Tab", async () => {
    const widget = open(everything);
    await widget.drawn();
    const reached = new Set<string>();
    for (let i = 0; i < 60; i++) {
      await userEvent.tab();
      const at = document.activeElement;
      if (at === null || !widget.root.contains(at)) break;
      const name =
        at.getAttribute("data-action") ?? at.getAttribute("data-control") ?? at.className;
      reached.add(name);
    }
    for (const name of [
      ...["aw-segment", "layers-stop", "heads", "residual", "mass"],
      ...["settings", "save", "help", "aw-token", "aw-stage"],
      ...["aw-chip-show", "aw-chip-remove", "pin", "compare", "aw-head"],
    ]) {
      expect([...reached]).toContain(name);
    }
  });

  test("a removed widget leaves no listener, neither on the page nor on the model", () => {
    let widget: Opened | undefined;
    const left = listenersLeft(() => {
      widget = openWidget(everything);
      return { end: () => widget?.close() };
    });
    expect([left, widget?.listeners()]).toEqual([0, 0]);
  });
});
