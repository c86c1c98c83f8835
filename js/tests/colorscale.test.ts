import { describe, expect, test } from "vitest";
import { colorScale, rowScales } from "../src/layout/colorscale";
import { matrixScale } from "../src/layout/scale";
import type { ColorScale } from "../src/model";
import { frameFrom, sent } from "./stages";

const values = Float64Array.from([0.9, 0.1, 0.02, 0.5, 0.25, 0.01, 0.3, 0, Number.NaN]);
const none: ReadonlySet<number> = new Set();
const KINDS: readonly ColorScale[] = ["words", "linear", "sqrt", "log"];

describe("scales", () => {
  test.each(KINDS)("%s: rises from nothing to the strongest", (kind) => {
    const scale = colorScale(kind, values, 3, none, false);
    expect(scale.t(0)).toBe(0);
    expect(scale.t(scale.max)).toBeCloseTo(1, 12);
    expect(scale.t(2)).toBeLessThanOrEqual(1);
    expect(scale.max).toBeGreaterThanOrEqual(0.9);
    const steps = [0.001, 0.01, 0.1, 0.5, 0.9].map((value) => scale.t(value));
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
    expect(new Set(steps).size).toBe(steps.length);
  });

  test("each shows small values better than the one before", () => {
    const [linear, root, log] = (["linear", "sqrt", "log"] as const).map((kind) =>
      colorScale(kind, values, 3, none, false).t(0.01),
    );
    expect(linear).toBeCloseTo(0.01 / 0.9, 2);
    expect(root).toBeGreaterThan(5 * linear!);
    expect(log).toBeGreaterThan(root!);
  });

  test("words is the scale in two parts", () => {
    const [a, b] = [
      colorScale("words", values, 3, none, false),
      matrixScale(values, 3, none, false),
    ];
    expect([a.knee, a.max]).toEqual([b.knee, b.max]);
  });

  test("an empty matrix has a scale that draws nothing", () => {
    expect(colorScale("log", new Float64Array(9), 3, none, false).t(0)).toBe(0);
  });

  test("of its own, each row ends at its own strongest cell", () => {
    const rows = rowScales("linear", values, 3);
    expect(rows.map(({ max }) => max)).toEqual([0.9, 0.5, 0.3]);
    expect(rows[1]!.t(0.25)).toBeCloseTo(0.5, 12);
  });
});

test("a frame takes the scale that was chosen", () => {
  const plain = frameFrom(sent.rollout()).matrix!;
  expect(plain.scaleOf(0)).toBe(plain.scale);
  const rows = frameFrom({ ...sent.rollout(), scale_rows: true, color_scale: "sqrt" }).matrix!;
  expect(rows.scale.knee).toBe(rows.scale.max);
  for (let row = 0; row < rows.n; row++) {
    const largest = Math.max(...rows.values.subarray(row * rows.n, (row + 1) * rows.n));
    expect(rows.scaleOf(row).t(largest)).toBeCloseTo(1, 12);
  }
});
