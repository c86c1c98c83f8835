import { describe, expect, test } from "vitest";
import { sizeOf, type Tab } from "../src/frame";
import {
  heightFor,
  layoutZones,
  levelX,
  rowY,
  stripWidth,
  type ZoneInput,
} from "../src/layout/zones";

function zones(given: Partial<ZoneInput> = {}) {
  const width = given.width ?? 1200;
  const n = given.n ?? 16;
  return layoutZones({
    width,
    size: sizeOf(width),
    tab: "graph",
    height: 560,
    stripHeight: 27,
    n,
    labelWidths: new Array(n).fill(50),
    outputFigures: false,
    sums: false,
    ...given,
  });
}

describe("at 1200 by 560 with 16 tokens", () => {
  const z = zones();

  test("zones lie where the design puts them", () => {
    expect(z.pitch).toBe(21);
    // 63 below the strip's top, which is 89 below the widget's.
    expect(z.top).toBe(63);
    expect(z.bottom).toBe(63 + 336);
    expect(z.height + 89).toBe(560);
    expect(z.headY).toBe(48);
    expect(z.bars).toEqual({ right: 108, length: 62 });
    expect(z.graph?.x0).toBeCloseTo(188, -1);
    expect(z.inputs.right).toBe(z.graph!.x0 - 12);
    expect(z.matrix?.cellW).toBe(19.5);
    expect(z.matrix!.x + z.matrix!.w).toBeLessThanOrEqual(1184);
    expect(z.graph?.x1).toBe(z.matrix!.x - 100);
    expect(z.outputs.left).toBe(z.graph!.x1 + 25);
  });

  test("the strip stands beside the column labels and ends before them", () => {
    expect(z.overlap).toBe(27);
    expect(16 + stripWidth(z)).toBeLessThan(z.matrix!.x);
  });

  test("levels are evenly spaced from input to output", () => {
    const xs = [0, 1, 2, 3, 4].map((index) => levelX(z, index, 5));
    expect(xs[0]).toBe(z.graph!.x0);
    expect(xs[4]).toBe(z.graph!.x1);
    expect(xs[2]! - xs[1]!).toBeCloseTo(xs[1]! - xs[0]!, 9);
  });

  test("graph and matrix share their rows", () => {
    for (const token of [0, 7, 15]) {
      expect(rowY(z, token)).toBe(z.matrix!.y + (token + 0.5) * z.matrix!.cellH);
    }
  });
});

test("a higher strip moves the rows down, and the widget keeps its height", () => {
  const z = zones({ stripHeight: 81 });
  expect(z.top).toBeGreaterThanOrEqual(81 + 36);
  expect(z.height + 89).toBeLessThanOrEqual(560);
});

test("few rows are 26 px and make the widget lower", () => {
  const z = zones({ n: 3 });
  expect(z.pitch).toBe(26);
  expect(z.height + 89).toBeLessThan(400);
});

test("the height is the one that was asked for, else what rows with labels need, within limits", () => {
  expect(heightFor(400, 512)).toBe(400);
  expect([5, 16, 512].map((n) => heightFor(0, n))).toEqual([560, 560, 640]);
  const labelled = zones({ n: 32, height: heightFor(0, 32) });
  expect(labelled.pitch).toBeGreaterThanOrEqual(12);
});

const WIDTHS = [480, 600, 719, 720, 900, 1079, 1080, 1200, 1600];
const SIZES = [1, 2, 5, 17, 46, 128, 512, 1024];
const TABS: Tab[] = ["graph", "matrix"];
const cases = WIDTHS.flatMap((width) => SIZES.map((n) => [width, n] as const));

describe.each(TABS)("tab %s", (tab) => {
  test.each(cases)("width %i, %i tokens: nothing overlaps or leaves the stage", (width, n) => {
    for (const labelWidth of [6, 50, 96]) {
      for (const outputFigures of [false, true]) {
        const labelWidths = new Array(n).fill(labelWidth);
        const z = zones({ width, n, tab, labelWidths, outputFigures });
        const right = width - z.padding;
        expect(z.pitch).toBeGreaterThan(0);
        expect(z.pitch).toBeLessThanOrEqual(26);
        expect(z.thin).toBe(z.pitch < 12);
        expect(z.top).toBeGreaterThanOrEqual(0);
        expect(z.bottom).toBeGreaterThan(z.top);
        expect(z.height).toBeGreaterThan(z.bottom);
        if (z.graph !== null) {
          // Bars, labels, columns of nodes, output labels, from left to right.
          expect(z.bars.right - z.bars.length).toBeGreaterThanOrEqual(z.padding);
          expect(z.inputs.right - labelWidth).toBeGreaterThanOrEqual(z.bars.right + 4);
          expect(z.inputs.right).toBeLessThan(z.graph.x0);
          expect(z.graph.x1 - z.graph.x0).toBeGreaterThanOrEqual(80);
          expect(z.outputs.left).toBeGreaterThan(z.graph.x1 + 14);
          expect(z.outputs.left + labelWidth).toBeLessThanOrEqual(z.matrix?.x ?? right + 1);
        }
        if (z.matrix !== null) {
          expect(z.matrix.x + z.matrix.w).toBeLessThanOrEqual(right + 1e-9);
          expect(z.matrix.y + z.matrix.h).toBeCloseTo(z.bottom, 9);
          expect(z.matrix.cellW).toBeGreaterThan(0);
          expect(z.margins!.y).toBeGreaterThan(z.bottom);
          expect(z.legend!.y).toBeGreaterThan(z.margins!.y + z.margins!.h);
          expect(z.legend!.y + z.legend!.h + 16).toBeLessThanOrEqual(z.height);
          expect(z.legend!.x).toBeGreaterThanOrEqual(z.padding);
        }
        expect((z.graph === null) !== (z.matrix === null)).toBe(width < 720);
      }
    }
  });
});

test("leaning labels of the last columns stay on the stage", () => {
  for (const width of [480, 900, 1200]) {
    const z = zones({ width, tab: "matrix", labelWidths: new Array(16).fill(96) });
    const last = z.matrix!.x + 15.5 * z.matrix!.cellW;
    expect(last + 96 * Math.cos((52 * Math.PI) / 180)).toBeLessThan(width);
  }
});
