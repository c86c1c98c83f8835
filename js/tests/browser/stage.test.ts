import axe from "axe-core";
import { describe, expect, test, vi } from "vitest";
import { makeTheme, readTheme } from "../../src/color";
import type { Frame } from "../../src/frame";
import { pictureAsSVG } from "../../src/save";
import { Stage } from "../../src/views/stage";
import { frameFrom, sent, stageFrame } from "../stages";
import { listenersLeft, mount } from "./mount";

const stage = (frame: Frame = frameFrom(sent.rollout())) =>
  mount((context) => new Stage(context), frame);

type Mounted = ReturnType<typeof stage>;

/** A canvas of the stage: 0 is the picture, 1 what hover and focus add. */
function canvas({ view }: Mounted, layer: 0 | 1): HTMLCanvasElement {
  const found = view.el.querySelectorAll("canvas")[layer];
  if (found === undefined) throw new Error(`no canvas ${layer}`);
  return found;
}

function pixels(mounted: Mounted, layer: 0 | 1): Uint8ClampedArray {
  const { width, height } = canvas(mounted, layer);
  const context = canvas(mounted, layer).getContext("2d");
  if (context === null) throw new Error("no context");
  return context.getImageData(0, 0, width, height).data;
}

/** Millions of numbers: a failure is one word, not their difference. */
const same = (a: Uint8ClampedArray, b: Uint8ClampedArray) =>
  a.length === b.length && a.every((value, i) => value === b[i]);

const painted = (mounted: Mounted, layer: 0 | 1) =>
  pixels(mounted, layer).reduce((sum, value, i) => sum + (i % 4 === 3 && value > 0 ? 1 : 0), 0);

/** The colour of the picture at a point of the stage. */
function colorAt(mounted: Mounted, x: number, y: number): string {
  const context = canvas(mounted, 0).getContext("2d");
  const ratio = window.devicePixelRatio;
  const [red, green, blue] = context!.getImageData(x * ratio, y * ratio, 1, 1).data;
  return `#${[red, green, blue].map((v) => v!.toString(16).padStart(2, "0")).join("")}`;
}

/** What an outside script reads to aim at nodes and cells. */
function geometry({ view }: Mounted) {
  const read = (name: string) => Number(view.el.dataset[name]);
  return {
    node: (level: number, token: number) => {
      const share = (level - read("firstLevel")) / (read("levelCount") - 1);
      const x = read("x0") + share * (read("x1") - read("x0"));
      return { x, y: read("y0") + token * read("pitch") };
    },
    cell: (query: number, key: number) => ({
      x: read("matrixX") + (key + 0.5) * read("cellW"),
      y: read("matrixY") + (query + 0.5) * read("cellH"),
    }),
  };
}

function point(mounted: Mounted, type: string, at: { x: number; y: number }, keys = {}): void {
  const box = mounted.view.el.getBoundingClientRect();
  const init = { bubbles: true, clientX: box.left + at.x, clientY: box.top + at.y, ...keys };
  const event = type === "click" ? new MouseEvent(type, init) : new PointerEvent(type, init);
  mounted.view.el.dispatchEvent(event);
}

function press(mounted: Mounted, key: string, keys = {}): KeyboardEvent {
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...keys });
  mounted.view.el.dispatchEvent(event);
  return event;
}

describe("the picture", () => {
  test("has the pixels of the device", () => {
    const mounted = stage();
    expect(canvas(mounted, 0).width).toBe(1200 * window.devicePixelRatio);
    expect(canvas(mounted, 0).clientWidth).toBe(1200);
    expect(mounted.view.el.clientHeight).toBe(mounted.view.zones?.height);
  });

  test("cells have the colour of their value", () => {
    const mounted = stage();
    const { matrix, theme } = mounted.frame();
    for (const [query, key] of [
      [0, 0],
      [3, 9],
      [15, 15],
    ] as const) {
      const { x, y } = geometry(mounted).cell(query, key);
      const value = matrix!.values[query * 16 + key]!;
      expect(colorAt(mounted, x, y)).toBe(theme.seq(matrix!.scale.t(value)));
    }
  });

  test("the image of a large matrix has them as well", () => {
    const mounted = stage(stageFrame(100, 2));
    const { matrix, theme } = mounted.frame();
    const { x, y } = geometry(mounted).cell(70, 20);
    const t = Math.round(255 * matrix!.scale.t(matrix!.values[70 * 100 + 20]!)) / 255;
    const expected = theme.seqRGB(t).map(Math.round);
    const seen = colorAt(mounted, x, y)
      .match(/\w\w/g)!
      .map((hex) => Number.parseInt(hex, 16));
    for (const [i, channel] of expected.entries()) {
      expect(Math.abs(channel - seen[i]!)).toBeLessThanOrEqual(1);
    }
  });

  test("a selected node is a dark disc of its mass", () => {
    const mounted = stage();
    const { x, y } = geometry(mounted).node(4, 10);
    expect(colorAt(mounted, x, y)).toBe(mounted.frame().theme.seq(1));
  });

  test("follows theme, width and residual", () => {
    const mounted = stage();
    const light = pixels(mounted, 0);
    mounted.show({ theme: makeTheme(true) });
    expect(same(pixels(mounted, 0), light)).toBe(false);
    mounted.show({ width: 900, size: "medium" });
    expect(canvas(mounted, 0).clientWidth).toBe(900);
    const before = pixels(mounted, 0);
    const other = frameFrom({ ...sent.rollout(), residual: 0.2 }, { width: 900, size: "medium" });
    mounted.show({ matrix: other.matrix, trace: other.trace });
    expect(same(pixels(mounted, 0), before)).toBe(false);
  });

  test("a hover leaves it as it is", () => {
    const mounted = stage();
    const draw = vi.spyOn(canvas(mounted, 0).getContext("2d")!, "clearRect");
    mounted.show({ hovered: { target: { kind: "node", level: 2, token: 10 }, x: 0, y: 0 } });
    expect(draw).not.toHaveBeenCalled();
    expect(painted(mounted, 1)).toBeGreaterThan(1000);
    mounted.show({ hovered: null });
    expect(painted(mounted, 1)).toBe(0);
  });

  test("a new selection comes in block by block and then stands whole", async () => {
    const first = frameFrom(sent.rollout());
    const mounted = stage({ ...first, selected: [], trace: null });
    mounted.show({ selected: first.selected, trace: first.trace });
    const beginning = painted(mounted, 0);
    await expect.poll(() => painted(mounted, 0)).toBeGreaterThan(beginning);
    const whole = stage(first);
    await expect.poll(() => same(pixels(mounted, 0), pixels(whole, 0))).toBe(true);
  });

  test("without a matrix and without a trace there is still a graph to click", () => {
    const mounted = stage({
      ...frameFrom(sent.rollout()),
      matrix: null,
      trace: null,
      selected: [],
    });
    point(mounted, "click", geometry(mounted).node(1, 2));
    expect(mounted.calls).toContainEqual(["select", [1, 2], "replace"]);
  });

  test("is also an SVG document with its words as text", () => {
    const saved = ({ view }: Mounted) => {
      const picture = { title: "‘it’ at layer 4", width: 1200, height: 500, marks: view.marks() };
      return pictureAsSVG(picture, "sans-serif", "#fff");
    };
    const parsed = new DOMParser().parseFromString(saved(stage()), "image/svg+xml");
    expect(parsed.querySelector("parsererror")).toBeNull();
    const texts = Array.from(parsed.querySelectorAll("text"), (text) => text.textContent);
    expect(texts).toContain("suitcase");
    expect(parsed.querySelector("title")?.textContent).toBe("‘it’ at layer 4");
    expect(saved(stage(stageFrame(80, 2)))).toContain('href="data:image/png;base64,');
  });
});

describe("the pointer", () => {
  test("names what it is over, in the root's coordinates", () => {
    const mounted = stage();
    mounted.root.style.padding = "30px 0 0 20px";
    const at = geometry(mounted).cell(10, 8);
    point(mounted, "pointermove", at);
    expect(mounted.calls.at(-1)).toEqual([
      "hover",
      { target: { kind: "cell", query: 10, key: 8 }, x: at.x + 20, y: at.y + 30 },
    ]);
    expect(mounted.view.el.style.cursor).toBe("pointer");
    point(mounted, "pointerleave", at);
    expect(mounted.calls.at(-1)).toEqual(["hover", null]);
  });

  test("click replaces, shift pairs, ctrl or cmd adds", () => {
    const mounted = stage();
    const at = geometry(mounted).node(3, 5);
    point(mounted, "click", at);
    point(mounted, "click", at, { shiftKey: true });
    point(mounted, "click", at, { ctrlKey: true });
    point(mounted, "click", at, { metaKey: true });
    const asked = mounted.calls.filter(([action]) => action === "select");
    expect(asked.map(([, , how]) => how)).toEqual(["replace", "pair", "add", "add"]);
    for (const [, node] of asked) expect(node).toEqual([3, 5]);
  });

  test("a cell is the pair of its query and key", () => {
    const mounted = stage();
    point(mounted, "click", geometry(mounted).cell(10, 0));
    expect(mounted.calls.at(-1)).toEqual([
      "setSelected",
      [
        [4, 10],
        [0, 0],
      ],
    ]);
  });

  test("a label is its token at its level", () => {
    const mounted = stage();
    const { inputs, outputs } = mounted.view.zones!;
    const { y } = geometry(mounted).node(0, 7);
    point(mounted, "click", { x: inputs.right - 4, y });
    expect(mounted.calls.at(-1)).toEqual(["select", [0, 7], "replace"]);
    point(mounted, "click", { x: outputs.left + 4, y });
    expect(mounted.calls.at(-1)).toEqual(["select", [4, 7], "replace"]);
  });

  test("a click on empty space does nothing", () => {
    const mounted = stage();
    point(mounted, "click", { x: 4, y: 4 });
    expect(mounted.calls).toEqual([]);
  });
});

describe("the keyboard", () => {
  test("walks from the selection along tokens and levels, shows and says where it is", () => {
    const mounted = stage();
    mounted.view.el.focus();
    press(mounted, "ArrowUp");
    press(mounted, "ArrowLeft");
    press(mounted, "ArrowUp");
    const hovers = mounted.calls.filter(([action]) => action === "hover");
    expect(hovers.at(-1)).toMatchObject(["hover", { target: { kind: "node", level: 3 } }]);
    expect(painted(mounted, 1)).toBeGreaterThan(0);
    const said = mounted.view.el.querySelector("[role=status]")?.textContent;
    expect(said).toContain("layer 3");
  });

  test("selects with Enter and pairs with Shift", () => {
    const mounted = stage({ ...frameFrom(sent.rollout()), selected: [] });
    press(mounted, "End");
    press(mounted, "End");
    press(mounted, "Enter");
    expect(mounted.calls.at(-1)).toEqual(["select", [4, 15], "replace"]);
    press(mounted, "Home");
    for (let i = 0; i < 9; i++) press(mounted, "ArrowLeft");
    press(mounted, "Enter", { shiftKey: true });
    expect(mounted.calls.at(-1)).toEqual(["select", [0, 0], "pair"]);
  });

  test("leaves keys alone that are not its own", () => {
    const mounted = stage();
    expect(press(mounted, "b").defaultPrevented).toBe(false);
    expect(press(mounted, "ArrowDown", { ctrlKey: true }).defaultPrevented).toBe(false);
    expect(press(mounted, "Tab").defaultPrevented).toBe(false);
    expect(press(mounted, "ArrowDown").defaultPrevented).toBe(true);
  });

  test("walks the cells of a lone matrix", () => {
    const mounted = stage(frameFrom(sent.rollout(), { width: 480, size: "narrow", tab: "matrix" }));
    press(mounted, "ArrowDown");
    press(mounted, "ArrowRight");
    press(mounted, "Enter");
    const [action, nodes] = mounted.calls.at(-1)!;
    expect(action).toBe("setSelected");
    expect(nodes).toEqual([
      [4, 10],
      [0, 1],
    ]);
  });

  test("the ring goes with the focus", () => {
    const mounted = stage();
    mounted.view.el.focus();
    press(mounted, "ArrowUp");
    mounted.view.el.blur();
    expect(painted(mounted, 1)).toBe(0);
    expect(mounted.calls.at(-1)).toEqual(["hover", null]);
  });
});

test("geometry follows the narrow tabs", () => {
  const mounted = stage(frameFrom(sent.rollout(), { width: 480, size: "narrow" }));
  expect(mounted.view.el.dataset["x0"]).toBeDefined();
  expect(mounted.view.el.dataset["matrixX"]).toBeUndefined();
  mounted.show({ tab: "matrix" });
  expect(mounted.view.el.dataset["x0"]).toBeUndefined();
  expect(mounted.view.el.dataset["matrixX"]).toBeDefined();
});

test("two stages at once each keep their own picture", () => {
  const a = stage();
  const b = stage(stageFrame(30, 2));
  const before = pixels(a, 0);
  b.show({ theme: makeTheme(true) });
  expect(same(pixels(a, 0), before)).toBe(true);
});

test("a removed view leaves no listener and draws no more", async () => {
  const left = listenersLeft(() => {
    const mounted = stage();
    return { end: () => mounted.remove() };
  });
  expect(left).toBe(0);
  const first = frameFrom(sent.rollout());
  const mounted = stage({ ...first, selected: [], trace: null });
  mounted.show({ selected: first.selected, trace: first.trace });
  mounted.remove();
  const draw = vi.spyOn(canvas(mounted, 0).getContext("2d")!, "clearRect");
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  expect(draw).not.toHaveBeenCalled();
});

test.each([false, true])("has nothing that axe objects to, dark %s", async (dark) => {
  const mounted = stage(frameFrom(sent.rollout(), { theme: makeTheme(dark) }));
  const { violations } = await axe.run(mounted.view.el);
  expect(violations).toEqual([]);
});

describe("the theme", () => {
  const rootOn = (background: string, variables = ""): HTMLElement => {
    const page = document.createElement("div");
    page.style.background = background;
    page.innerHTML = `<div class="attn-widget" style="${variables}"></div>`;
    document.body.append(page);
    return page.firstElementChild as HTMLElement;
  };

  test("is dark on a dark page, whatever the host calls it", () => {
    const root = rootOn("rgb(20, 20, 20)", "--aw-paper: transparent");
    expect(readTheme(root).dark).toBe(true);
    expect(root.getAttribute("data-theme")).toBe("dark");
    root.parentElement!.style.background = "white";
    expect(readTheme(root).dark).toBe(false);
    expect(root.getAttribute("data-theme")).toBe("light");
  });

  test("takes the host's colours in any notation", () => {
    const theme = readTheme(rootOn("white", "--aw-paper: hsl(0 0% 100%); --aw-ink: rebeccapurple"));
    expect(theme.paper).toBe("#ffffff");
    expect(theme.ink).toBe("#663399");
  });

  test("falls back where a variable is no colour", () => {
    const theme = readTheme(rootOn("white", "--aw-paper: #fff; --aw-accent: nonsense"));
    expect(theme.accent).toBe("#345dcb");
  });
});

describe("zoom", () => {
  const turn = (mounted: Mounted, at: { x: number; y: number }, keys: WheelEventInit) => {
    const box = mounted.view.el.getBoundingClientRect();
    const event = new WheelEvent("wheel", {
      bubbles: true,
      cancelable: true,
      clientX: box.left + at.x,
      clientY: box.top + at.y,
      ...keys,
    });
    mounted.view.el.dispatchEvent(event);
    mounted.show();
    return event;
  };
  const inView = ({ view }: Mounted) => Number(view.el.dataset["rowsInView"] ?? Number.NaN);

  test("Ctrl and the wheel zoom at the pointer; a double click on nothing shows everything", () => {
    const mounted = stage(stageFrame(64, 3));
    const at = geometry(mounted).cell(40, 30);
    const event = turn(mounted, at, { ctrlKey: true, deltaY: -120 });
    expect(event.defaultPrevented).toBe(true);
    expect(inView(mounted)).toBeLessThan(64);
    // What was under the pointer still is.
    point(mounted, "pointermove", at);
    const hovers = mounted.calls.filter(([action, given]) => action === "hover" && given !== null);
    expect(hovers.at(-1)?.[1]).toMatchObject({ target: { kind: "cell", query: 40, key: 30 } });
    const { view } = mounted;
    const box = view.el.getBoundingClientRect();
    const corner = { clientX: box.left + 2, clientY: box.top + 2, bubbles: true };
    view.el.dispatchEvent(new MouseEvent("dblclick", corner));
    mounted.show();
    expect(inView(mounted)).toBeNaN();
  });

  test("the wheel alone is the page's, until rows are zoomed and the stage has focus", () => {
    const mounted = stage(stageFrame(64, 3));
    const at = geometry(mounted).cell(20, 30);
    expect(turn(mounted, at, { deltaY: 50 }).defaultPrevented).toBe(false);
    turn(mounted, at, { ctrlKey: true, deltaY: -120 });
    expect(turn(mounted, at, { deltaY: 50 }).defaultPrevented).toBe(false);
    mounted.view.el.focus();
    expect(turn(mounted, at, { deltaY: 50 }).defaultPrevented).toBe(true);
    // At the end of the rows it scrolls the page again.
    turn(mounted, at, { deltaY: 5000 });
    expect(turn(mounted, at, { deltaY: 50 }).defaultPrevented).toBe(false);
  });

  test("a drag moves what is in view and selects nothing", () => {
    const mounted = stage(stageFrame(64, 3));
    const at = geometry(mounted).cell(30, 30);
    turn(mounted, at, { ctrlKey: true, deltaY: -120 });
    const before = Number(mounted.view.el.dataset["y0"]);
    const held = { buttons: 1, button: 0, pointerId: 1 };
    mounted.view.el.setPointerCapture = () => undefined;
    point(mounted, "pointerdown", at, held);
    point(mounted, "pointermove", { x: at.x, y: at.y + 10 }, held);
    point(mounted, "pointermove", { x: at.x, y: at.y + 30 }, held);
    point(mounted, "pointerup", { x: at.x, y: at.y + 30 }, held);
    point(mounted, "click", { x: at.x, y: at.y + 30 });
    mounted.show();
    expect(Number(mounted.view.el.dataset["y0"])).toBeCloseTo(before + 30, 6);
    expect(mounted.calls.some(([action]) => action.startsWith("set") || action === "select")).toBe(
      false,
    );
  });

  test("keys zoom about the focus, and the walk takes the window along", () => {
    const mounted = stage(stageFrame(64, 3));
    mounted.view.el.focus();
    press(mounted, "ArrowDown");
    for (let i = 0; i < 4; i++) {
      press(mounted, "+");
      mounted.show();
    }
    expect(inView(mounted)).toBeLessThan(20);
    const before = Number(mounted.view.el.dataset["y0"]);
    for (let i = 0; i < 3; i++) {
      press(mounted, "PageDown");
      mounted.show();
    }
    expect(Number(mounted.view.el.dataset["y0"])).toBeLessThan(before);
    press(mounted, "0");
    mounted.show();
    expect(inView(mounted)).toBeNaN();
  });
});
