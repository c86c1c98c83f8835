/** The pure parts of a saved page's engine; tests/browser/test_html_page.py has its numbers. */
import { describe, expect, test, vi } from "vitest";
import type { WidgetState } from "../src/model";
import { Analysis } from "../src/standalone/analysis";
import { codeTable, StoredAttention } from "../src/standalone/attention";
import { within } from "../src/standalone/flow";
import { LocalModel } from "../src/standalone/local";
import { RolloutMatrix } from "../src/standalone/matrix";
import { mixResidual } from "../src/standalone/mixing";
import { pinName } from "../src/standalone/pins";
import { evaluateAt, matrixTerms, multiply, rolloutRows } from "../src/standalone/rollout";
import { ends, follow, type Settings } from "../src/standalone/settings";
import { kthLargest, largest } from "../src/standalone/strongest";
import { random } from "./stages";

const numbers = (length: number, seed: number): Float64Array => {
  const next = random(seed);
  return Float64Array.from({ length }, () => next() ** 3);
};

const maps = (blocks: number, n: number): Float64Array[] =>
  Array.from({ length: blocks }, (_, block) => {
    const map = numbers(n * n, block + 1);
    for (let row = 0; row < n; row++) {
      const part = map.subarray(row * n, (row + 1) * n);
      const sum = part.reduce((a, b) => a + b, 0);
      for (let i = 0; i < n; i++) part[i]! /= sum;
    }
    return map;
  });

const SETTINGS: Settings = {
  method: "rollout",
  levels: [0, 3],
  heads: "mean",
  top_head: null,
  residual: 0.5,
  drop: [],
};

describe("the strongest", () => {
  test("the k-th largest is where a sort has it, with ties and alone", () => {
    for (const values of [numbers(200, 3), Float64Array.from([2, 2, 2, 1, 2]), numbers(1, 4)]) {
      const sorted = values.slice().sort().reverse();
      for (const k of [1, Math.ceil(values.length / 2), values.length]) {
        expect(kthLargest(values.slice(), k)).toBe(sorted[k - 1]);
      }
    }
  });

  test("many are found by a sample, even by one that misleads", () => {
    const [many, misleading] = [numbers(9000, 11), new Float64Array(9000).fill(0.1)];
    // Every number that the sample sees is large, and no other one.
    for (let i = 0; i < 9000; i += 16) misleading[i] = 1 + i;
    for (const values of [many, misleading]) {
      const sorted = [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b);
      for (const k of [3, 300, 700]) {
        expect(largest(values, k)).toEqual(sorted.slice(0, k).sort((a, b) => a - b));
      }
    }
  });

  test("of equal ones the first are taken", () => {
    expect(largest(Float64Array.from([1, 3, 1, 2, 1]), 3)).toEqual([0, 1, 3]);
    expect(largest(Float64Array.from([1, 3]), 5)).toEqual([0, 1]);
  });
});

describe("products", () => {
  test.each([1, 3, 4, 5, 10])("of %i tokens are those of the definition", (n) => {
    const [left, right] = [numbers(n * n, 7), numbers(n * n, 8)];
    left.fill(0, 0, n);
    const out = new Float64Array(n * n);
    multiply(left, right, out, n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += left[i * n + k]! * right[k * n + j]!;
        expect(out[i * n + j]).toBeCloseTo(sum, 12);
      }
    }
  });

  test.each([0, 0.3, 1])("terms at residual %d are the product of the mixed maps", (residual) => {
    const [n, fused] = [6, maps(4, 6)];
    const wanted = rolloutRows(mixResidual(fused, residual), n, 0, n);
    const found = evaluateAt(matrixTerms(fused, n), n * n, residual);
    for (let i = 0; i < n * n; i++) expect(found[i]).toBeCloseTo(wanted[i]!, 12);
  });
});

describe("a long text", () => {
  const [layers, n] = [3, 240];
  const codes = new Uint16Array(layers * n * n).map((_, i) => 50_000 + ((i * 7919) % 9000));
  const attention = new StoredAttention(
    codes,
    1,
    { layers, heads: 1, n },
    {
      tokens: Array.from({ length: n }, String),
      special: [],
      masks: Array.from(
        { length: layers },
        () => ({ queries: [0, n], keys: [0, n], behind: n, ahead: n }) as const,
      ),
      only: null,
    },
  );

  test("grows row by row into the same matrix, and is remembered", () => {
    const matrix = new RolloutMatrix(new Analysis(attention));
    matrix.ask(SETTINGS);
    expect(matrix.now(SETTINGS)).toBeNull();
    const steps = matrix.grow(SETTINGS);
    const seen: number[] = [];
    let step = steps.next();
    while (!step.done) {
      seen.push(step.value.done);
      step = steps.next();
    }
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toBe(n);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    const whole = new RolloutMatrix(new Analysis(attention)).whole(SETTINGS);
    expect(step.value).toEqual(whole);
    expect(matrix.whole(SETTINGS)).toBe(step.value);
  });
});

test("codes are numbers of eleven bits, and 0 is 0", () => {
  const table = codeTable(2);
  expect(table[0]).toBe(0);
  expect(table[(127 - 64) << 10]).toBe(2);
  expect(table[((127 - 64) << 10) - 1]).toBe(2 * (1 - 2 ** -11));
});

test("a selection is read and moved as in Python", () => {
  expect(
    ends(
      [
        [6, 1],
        [2, 3],
        [6, 4],
      ],
      [0, 6],
    ),
  ).toEqual({
    ...{ start: 2, stop: 6, sources: [1, 4], sinks: [3] },
  });
  expect(ends([[1, 5]], [1, 6])).toEqual({ start: 1, stop: 6, sources: null, sinks: [5] });
  expect(
    follow(
      [
        [6, 1],
        [0, 2],
        [3, 3],
      ],
      [0, 6],
      [1, 2],
    ),
  ).toEqual([
    [2, 1],
    [1, 2],
  ]);
});

test("below the top layer its own head counts no more", () => {
  const settings = { ...SETTINGS, top_head: 2, residual: [0.1, 0.2, 0.3] };
  const selection = { start: 1, stop: 2, sources: [0], sinks: null };
  expect(within(settings, selection)).toEqual({
    ...settings,
    levels: [1, 2],
    top_head: null,
    residual: [0.2],
  });
});

test("a pin is named by its ends", () => {
  const pin = {
    ...SETTINGS,
    method: "flow",
    heads: 8,
    selected: [
      [0, 1],
      [3, 0],
    ],
  };
  expect(pinName(pin as never, ["it", "big"])).toBe("‘it’ from ‘big’, head 8, flow");
});

test("what a view sets counts once it is saved", () => {
  const model = new LocalModel({ residual: 0.5, error: "" } as WidgetState);
  const [saved, heard] = [vi.fn(), vi.fn()];
  model.onSave = saved;
  model.on("change:residual", heard);
  model.set("residual", 0.7);
  expect(heard).toHaveBeenCalledTimes(1);
  expect(saved).not.toHaveBeenCalled();
  model.save_changes();
  model.save_changes();
  expect(saved.mock.calls).toEqual([[new Set(["residual"])]]);
  model.off("change:residual", heard);
  model.put("residual", 0.1);
  expect(heard).toHaveBeenCalledTimes(1);
});
