import { describe, expect, test } from "vitest";
import { divergingT, exactSigned, signed, subtract } from "../src/compare";
import type { ComparedView, Frame } from "../src/frame";
import { hint } from "../src/hint";
import { allMarks, layoutStage } from "../src/layout/stage";
import { tintColors } from "../src/layout/strip";
import type { Pin } from "../src/model";
import { textOf } from "../src/phrases";
import type { Mark } from "../src/scene";
import { describe as say } from "../src/sentence";
import type { Trace } from "../src/trace";
import { frameOf, matrixOf, rowOf, TEXT, traceOf } from "./frames";
import { measure, stageFrame, walk } from "./stages";

const pinOf = (given: Partial<Pin> = {}): Pin => ({
  name: "‘it’, all heads",
  method: "rollout",
  levels: [0, 4],
  heads: "mean",
  top_head: null,
  residual: 0.65,
  drop: [],
  baseline: null,
  selected: [[4, 4]],
  ...given,
});

/** Every level and block that a trace lacks, with nothing on it. */
function whole(trace: Trace): Trace {
  const levels = trace.stop - trace.start + 1;
  const nodes = Array.from(
    { length: levels },
    (_, i) => trace.nodes[i] ?? new Float64Array(trace.n),
  );
  const none = { query: new Int32Array(), key: new Int32Array(), value: new Float64Array() };
  const blocks = Array.from(
    { length: levels - 1 },
    (_, i) => trace.blocks[i] ?? { block: trace.start + i, ...none },
  );
  return { ...trace, nodes, blocks };
}

function sideOf(given: Partial<ComparedView> = {}): ComparedView {
  const n = given.trace?.n ?? TEXT.length;
  return {
    pin: pinOf(),
    matrix: matrixOf(new Float64Array(n * n)),
    ...given,
    trace: whole(given.trace ?? traceOf()),
  };
}

function compared(a: Partial<ComparedView>, b: Partial<ComparedView>, given: Partial<Frame> = {}) {
  const side = sideOf(a);
  return frameOf({ matrix: side.matrix, comparison: { a: side, b: sideOf(b) }, ...given });
}

const special = new Set([0, TEXT.length - 1]);

describe("a difference", () => {
  const a = { ...walk(8, 3, 4, 1) };
  const b = { ...walk(8, 3, 4, 2) };
  const between = subtract(sideOf({ trace: a }), sideOf({ trace: b }), special);

  test("has every edge that either has, once, and conserves mass in every block", () => {
    for (const { query, key, value } of between.blocks) {
      const names = new Set(Array.from(query, (q, e) => `${q} ${key[e]}`));
      expect(names.size).toBe(value.length);
      // Each of the two carries one unit through each block.
      expect(value.reduce((sum, one) => sum + one, 0)).toBeCloseTo(0, 3);
    }
  });

  test("edges rise in size, whatever their sign", () => {
    for (const { value } of between.blocks) {
      const sizes = Array.from(value, Math.abs);
      expect(sizes).toEqual([...sizes].sort((one, other) => one - other));
      expect(value.some((one) => one < 0)).toBe(true);
    }
  });

  test("what enters a node leaves it", () => {
    for (let level = 1; level < 3; level++) {
      const into = new Float64Array(8);
      const { query, value } = between.blocks[level - 1]!;
      for (const [e, one] of value.entries()) into[query[e]!]! += one;
      for (const [token, mass] of between.nodes[level]!.entries()) {
        expect(into[token]).toBeCloseTo(mass, 3);
      }
    }
  });

  test("of something with itself is nothing", () => {
    const none = subtract(sideOf({ trace: a }), sideOf({ trace: a }), special);
    expect(none.blocks.every(({ value }) => value.length === 0)).toBe(true);
    expect(none.relevance!.every((value) => value === 0)).toBe(true);
  });

  test("of two that differ by rounding alone has no edges", () => {
    const blocks = a.blocks.map((edges) => ({ ...edges, value: edges.value.map((v) => v + 1e-8) }));
    const rounded = subtract(sideOf({ trace: a }), sideOf({ trace: { ...a, blocks } }), special);
    expect(rounded.blocks.every(({ value }) => value.length === 0)).toBe(true);
  });

  test("swapped has the opposite sign everywhere", () => {
    const swapped = subtract(sideOf({ trace: b }), sideOf({ trace: a }), special);
    expect([...swapped.relevance!]).toEqual([...between.relevance!].map((value) => 0 - value));
    expect(Math.abs(swapped.blocks[0]!.value.at(-1)!)).toBe(
      Math.abs(between.blocks[0]!.value.at(-1)!),
    );
  });

  test("of two ranges has the levels that both have", () => {
    const upper = { ...walk(8, 2, 4, 2), start: 1, stop: 3 };
    upper.blocks = upper.blocks.map((edges, i) => ({ ...edges, block: i + 1 }));
    const crop = subtract(sideOf({ trace: a }), sideOf({ trace: upper }), special);
    expect([crop.start, crop.stop, crop.cropped]).toEqual([1, 3, true]);
    expect(crop.blocks.map(({ block }) => block)).toEqual([1, 2]);
    expect(crop.nodes).toHaveLength(3);
  });

  test("of layers apart has no graph, and says so", () => {
    const one = { ...walk(8, 1, 4), method: "attention" as const };
    const other = { ...one, start: 2, stop: 3, blocks: [{ ...one.blocks[0]!, block: 2 }] };
    const frame = compared(
      { trace: one, pin: pinOf({ method: "attention", levels: [0, 1] }) },
      { trace: other, pin: pinOf({ method: "attention", levels: [0, 3] }) },
    );
    expect(say(frame).facts).toContain("no layer in common: matrices alone");
    expect(layoutStage(frame, 27, measure).edges).toEqual([]);
  });

  test("where it is still being computed is not known", () => {
    const values = new Float64Array(64);
    values[9] = Number.NaN;
    values[10] = 0.3;
    const partial = subtract(sideOf({ matrix: matrixOf(values) }), sideOf(), special);
    expect(partial.values[9]).toBeNaN();
    expect(partial.half).toBe(0.3);
    const frame = compared({ matrix: matrixOf(values) }, {});
    expect(layoutStage(frame, 27, measure).cells.length).toBeGreaterThan(64);
  });
});

describe("the diverging scale", () => {
  const values = new Float64Array(64);
  values[1 * 8 + 2] = 0.072;
  values[2 * 8 + 0] = -0.4;
  const difference = subtract(sideOf({ matrix: matrixOf(values) }), sideOf(), special);

  test("reaches to the largest difference between words, rounded up; CLS lies beyond", () => {
    expect(difference.half).toBe(0.08);
    expect([difference.below, difference.above]).toEqual([true, false]);
  });

  test("reaches to that of the tokens where the matrices are one", () => {
    const other = traceOf({ sources: [2], relevance: rowOf({ 2: 0.14, 5: 0.09, 7: 0.1 }) });
    const selections = subtract(sideOf(), sideOf({ trace: other }), special);
    expect(selections.half).toBe(0.5);
    expect([selections.below, selections.above]).toEqual([false, false]);
    expect(subtract(sideOf(), sideOf(), special).half).toBe(0.001);
  });

  test("is symmetric about no difference", () => {
    expect(divergingT(difference, 0)).toBe(0);
    expect(divergingT(difference, 0.04)).toBe(-divergingT(difference, -0.04));
    expect(divergingT(difference, -0.4)).toBe(-1);
  });

  test("its legend says what lies beyond", () => {
    const frame = compared({ matrix: matrixOf(values) }, {});
    const texts = layoutStage(frame, 27, measure).matrix.flatMap((mark) =>
      mark.kind === "text" ? [mark.text] : [],
    );
    expect(texts).toEqual(expect.arrayContaining(["\u2264\u2009−8", "−4", "0", "+4", "+8"]));
    expect(texts).toContain("A − B, points");
  });
});

describe("on the stage", () => {
  const base = stageFrame(12, 3, {}, 5);
  const other = stageFrame(12, 3, {}, 5);
  const frame: Frame = {
    ...base,
    comparison: {
      a: { pin: pinOf(), matrix: base.matrix!, trace: walk(12, 3, 5, 1) },
      b: { pin: pinOf(), matrix: other.matrix!, trace: walk(12, 3, 5, 2) },
    },
  };
  const layout = layoutStage(frame, 27, measure);
  const { theme } = frame;
  const reds = (color: string) =>
    Number.parseInt(color.slice(1, 3), 16) > Number.parseInt(color.slice(5, 7), 16);

  test("ribbons are coloured by their sign, 2.2 rows wide a unit", () => {
    for (const { value, curve } of layout.edges.flat()) {
      expect(reds(curve.color)).toBe(value < 0);
      if (curve.width > 0.6) {
        expect(curve.width).toBeCloseTo(2.2 * layout.zones.pitch * Math.abs(value), 6);
      }
    }
  });

  test("bars grow from one line, to the left for less and to the right for more", () => {
    const { relevance } = layoutDifference(frame);
    const axis = layout.rows.marks.find(
      (mark): mark is Extract<Mark, { kind: "line" }> =>
        mark.kind === "line" && mark.x0 === mark.x1 && mark.color === theme.ink3,
    )!;
    const bars = layout.rows.marks.filter(
      (mark): mark is Extract<Mark, { kind: "rect" }> =>
        mark.kind === "rect" && mark.radius === undefined,
    );
    for (const bar of bars) {
      const token = Math.round((bar.y + bar.h / 2 - layout.zones.top) / layout.zones.pitch - 0.5);
      const value = relevance[token]!;
      expect(value < 0 ? bar.x + bar.w : bar.x).toBeCloseTo(axis.x0, 9);
      expect(bar.x).toBeGreaterThanOrEqual(0);
    }
    expect(bars.length).toBeGreaterThan(4);
  });

  test("nothing of the cut or of one picture alone is left", () => {
    expect(layout.context).toEqual([]);
    expect(allMarks(layout).length).toBeGreaterThan(200);
  });

  test("the strip is tinted on both sides of nothing", () => {
    const colors = tintColors(frame).filter((color) => color !== null);
    expect(colors.some(reds)).toBe(true);
    expect(colors.some((color) => !reds(color))).toBe(true);
  });
});

function layoutDifference(frame: Frame) {
  const { a, b } = frame.comparison!;
  return { relevance: a.trace.relevance.map((value, token) => value - b.trace.relevance[token]!) };
}

describe("figures", () => {
  test.each([
    [0.052, false, "+5"],
    [-0.128, false, "−13"],
    [0.004, false, ""],
    [-0.006, false, "−1"],
    [Number.NaN, false, ""],
    [0.123, true, "+0.12"],
    [-0.004, true, ""],
  ])("%d reads %s %s", (value, flow, text) => {
    expect(signed(value, flow)).toBe(text);
  });

  test("are exact in a tooltip, with both sides", () => {
    expect(exactSigned(0.0531, false)).toBe("+5.31\u00a0points");
    expect(exactSigned(-0.1274, true)).toBe("−0.127");
    const values = new Float64Array(64);
    values[4 * 8 + 5] = 0.09;
    const frame = compared(
      { matrix: matrixOf(values) },
      {},
      { hovered: { target: { kind: "cell", query: 4, key: 5 }, x: 0, y: 0 } },
    );
    expect(hint(frame).map(textOf)).toEqual([
      "+9.00\u00a0points of ‘it’ from ‘big’",
      "A 9.00\u00a0%, B 0\u00a0%",
    ]);
  });
});

describe("the sentence of a comparison", () => {
  const more = traceOf({
    relevance: rowOf({ 0: 0.08, 2: 0.13, 3: 0.05, 4: 0.43, 5: 0.14, 7: 0.1 }),
  });
  const said = (a: Partial<ComparedView>, b: Partial<ComparedView>) =>
    textOf(say(compared(a, b)).spans).replace(/\u00a0/g, " ");

  test("of two heads", () => {
    expect(said({ trace: more, pin: pinOf({ heads: 3 }) }, {})).toBe(
      "With head 3, ‘it’ draws 5 points more from ‘big’ and 4 more from ‘trophy’ than with all heads · 13 less from CLS",
    );
  });

  test.each<[string, Partial<Pin>, RegExp]>([
    ["residuals", { residual: 0.2 }, /^With residual 0.20, .* than with residual 0.65/],
    ["methods", { method: "flow" }, /^By flow, .* than by rollout/],
    ["levels", { levels: [0, 3] }, /^Over layers input–3, .* than over layers input–4/],
    ["dropped tokens", { drop: [0] }, /^With 1 token dropped, .* than with every token read/],
    ["several settings", { heads: 3, residual: 0.2 }, /^In A, .* than in B/],
  ])("of two %s", (_, given, expected) => {
    expect(said({ trace: more, pin: pinOf(given) }, {})).toMatch(expected);
  });

  test("of two selections", () => {
    expect(said({ trace: { ...more, sources: [2] } }, {})).toMatch(
      /^‘trophy’ draws 5 points more from ‘big’ than ‘it’/,
    );
  });

  test("of two pairs", () => {
    const pair = traceOf({ sinks: [5], total: 0.14 });
    expect(
      said({ trace: pair, pin: pinOf({ heads: 3 }) }, { trace: { ...pair, total: 0.09 } }),
    ).toBe("With head 3, ‘it’ draws 5 points more from ‘big’ than with all heads");
  });

  test("of things that are the same", () => {
    expect(said({}, {})).toBe("A and B draw the same, to half a point");
  });

  test("of things read in different directions", () => {
    const up = traceOf({ sources: null, sinks: [5], direction: "up" });
    expect(said({}, { trace: up })).toMatch(/^A is read from outputs down, B from inputs up/);
  });

  test("the facts are what both have in common", () => {
    const frame = compared({ trace: more, pin: pinOf({ heads: 3 }) }, {});
    expect(say(frame).facts).toEqual(["A − B", "rollout", "layers input–4", "residual 0.65"]);
  });
});
