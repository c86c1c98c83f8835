import { describe, expect, test } from "vitest";
import { matrixScale, niceCeiling, nthSmallest, twoPartScale } from "../src/layout/scale";
import { random } from "./stages";

describe("nice ceiling", () => {
  test.each([
    [0.011, 0.015],
    [0.015, 0.015],
    [0.3, 0.3],
    [0.31, 0.4],
    [0.62, 0.8],
    [0.81, 1],
    [1, 1],
    [0.0007, 0.0008],
    [0, 0],
    [Number.NaN, 0],
  ])("%f rounds up to %f", (value, expected) => {
    expect(niceCeiling(value)).toBe(expected);
  });
});

describe("two parts", () => {
  test("words fill 74 % of the colours, sinks the rest", () => {
    const scale = twoPartScale(0.1, 0.8);
    expect(scale.t(0)).toBe(0);
    expect(scale.t(0.05)).toBeCloseTo(0.37, 12);
    expect(scale.t(0.1)).toBeCloseTo(0.74, 12);
    expect(scale.t(0.45)).toBeCloseTo(0.87, 12);
    expect(scale.t(0.8)).toBe(1);
    expect(scale.t(3)).toBe(1);
    expect(scale.t(-1)).toBe(0);
  });

  test("without sinks the words have all colours", () => {
    const scale = twoPartScale(0.1, 0.1);
    expect(scale.t(0.05)).toBeCloseTo(0.5, 12);
    expect(scale.t(0.1)).toBe(1);
  });

  test("a matrix of zeros has the colour of zero", () => {
    expect(twoPartScale(0, 0).t(0)).toBe(0);
  });
});

test("the value at a rank is the sorted array's", () => {
  const next = random(3);
  for (const size of [1, 2, 3, 10, 257]) {
    // Few distinct values, so that ties are common.
    const values = Float64Array.from({ length: size }, () => Math.floor(next() * 9));
    const sorted = values.slice().sort();
    for (let rank = 0; rank < size; rank++) {
      expect(nthSmallest(values.slice(), rank)).toBe(sorted[rank]);
    }
  }
});

describe("of a matrix", () => {
  const n = 20;
  const special = new Set([0, n - 1]);
  const at = (query: number, key: number) => query * n + key;

  test("special tokens and the diagonal do not set the words' part", () => {
    const values = new Float64Array(n * n).fill(0.02);
    for (let i = 0; i < n; i++) {
      values[at(i, 0)] = 0.7;
      values[at(i, i)] = 0.3;
    }
    const scale = matrixScale(values, n, special, false);
    expect(scale.knee).toBe(0.02);
    expect(scale.max).toBe(0.8);
  });

  test("one outlier among the words does not either", () => {
    const values = new Float64Array(n * n).fill(0.02);
    values[at(5, 7)] = 0.5;
    expect(matrixScale(values, n, special, false).knee).toBe(0.02);
  });

  test("cells that are still being computed do not count", () => {
    const values = new Float64Array(n * n).fill(Number.NaN);
    values[at(3, 4)] = 0.4;
    const scale = matrixScale(values, n, special, false);
    expect([scale.knee, scale.max]).toEqual([0.4, 0.4]);
    const empty = matrixScale(values.fill(Number.NaN), n, special, true);
    expect(empty.t(0.5)).toBeGreaterThan(0);
  });

  test("a flow's scale ends at 1, a share never above it", () => {
    const values = new Float64Array(n * n).fill(0.2);
    expect(matrixScale(values, n, special, true).max).toBe(1);
    expect(matrixScale(values.fill(0.99), n, special, false).max).toBe(1);
  });
});
