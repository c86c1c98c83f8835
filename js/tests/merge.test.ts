import { describe, expect, test } from "vitest";
import { groupMatrix, groupTokens, groupTrace, nodesToPlaces, nodesToTokens } from "../src/merge";
import type { Words } from "../src/model";
import type { Trace } from "../src/trace";
import { frameFrom, random, sent, walk } from "./stages";

const RAWS = ["[CLS]", "un", "##read", "##able", "text", "[SEP]"];
const SPECIAL = new Set([0, 5]);
const WORDS: Words = {
  labels: ["[CLS]", "unreadable", "text", "[SEP]"],
  of_token: [0, 1, 1, 1, 2, 3],
};
const merged = groupTokens(RAWS, SPECIAL, WORDS, new Set());
const hidden = groupTokens(RAWS, SPECIAL, null, SPECIAL);
const both = groupTokens(RAWS, SPECIAL, WORDS, SPECIAL);

const total = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

function stochastic(n: number): Float64Array {
  const next = random(3);
  const values = Float64Array.from({ length: n * n }, next);
  for (let row = 0; row < n; row++) {
    const sum = total(values.subarray(row * n, row * n + n));
    for (let key = 0; key < n; key++) values[row * n + key]! /= sum;
  }
  return values;
}

describe("tokens", () => {
  test("pieces become words, special tokens stay apart", () => {
    expect(merged.tokens.map(({ label }) => label)).toEqual(["CLS", "unreadable", "text", "SEP"]);
    expect(merged.tokens.some(({ piece }) => piece)).toBe(false);
    expect([...merged.special]).toEqual([0, 3]);
    expect(merged.members).toEqual([[0], [1, 2, 3], [4], [5]]);
  });

  test("hidden ones leave, and are named", () => {
    expect(both.tokens.map(({ label }) => label)).toEqual(["unreadable", "text"]);
    expect(both.hidden.map(({ label }) => label)).toEqual(["CLS", "SEP"]);
    expect([...both.placeOf]).toEqual([-1, 0, 0, 0, 1, -1]);
    expect(both.special.size).toBe(0);
  });

  test("with nothing to do everything is as it was", () => {
    const plain = groupTokens(RAWS, SPECIAL, null, new Set());
    const values = stochastic(6);
    const trace = walk(6, 3, 2);
    expect(plain.plain).toBe(true);
    expect(groupMatrix(values, plain)).toBe(values);
    expect(groupTrace(trace, plain)).toBe(trace);
  });

  test("a word stands for all its tokens, and each of them for it", () => {
    expect(nodesToTokens([[2, 1]], merged)).toEqual([
      [2, 1],
      [2, 2],
      [2, 3],
    ]);
    expect(
      nodesToPlaces(
        [
          [2, 1],
          [2, 3],
          [0, 5],
        ],
        merged,
      ),
    ).toEqual([
      [2, 1],
      [0, 3],
    ]);
    expect(nodesToPlaces([[2, 0]], hidden)).toEqual([]);
  });
});

describe("matrix", () => {
  test("columns are summed and rows averaged: rows of a rollout still sum to 1", () => {
    const values = stochastic(6);
    const words = groupMatrix(values, merged);
    for (let row = 0; row < 4; row++) {
      expect(total(words.subarray(4 * row, 4 * row + 4))).toBeCloseTo(1, 12);
    }
    const cell = (q: number, k: number) => values[6 * q + k]!;
    const expected = total([1, 2, 3].flatMap((q) => [1, 2, 3].map((k) => cell(q, k)))) / 3;
    expect(words[4 * 1 + 1]).toBeCloseTo(expected, 12);
    expect(words[4 * 2 + 1]).toBeCloseTo(cell(4, 1) + cell(4, 2) + cell(4, 3), 12);
  });

  test("what is still being computed stays unknown", () => {
    const values = stochastic(6);
    values[6 * 2 + 4] = Number.NaN;
    const words = groupMatrix(values, merged);
    expect([...words].map(Number.isNaN).flatMap((unknown, i) => (unknown ? [i] : []))).toEqual([
      4 * 1 + 2,
    ]);
  });

  test("hiding changes no figure", () => {
    const values = stochastic(6);
    const shown = groupMatrix(values, hidden);
    expect(shown[4 * 1 + 2]).toBe(values[6 * 2 + 3]);
  });
});

describe("trace", () => {
  const trace = walk(6, 3, 2);

  test("a merged trace carries what the tokens carried", () => {
    const words = groupTrace(trace, merged);
    for (const [level, masses] of words.nodes.entries()) {
      expect(total(masses)).toBeCloseTo(total(trace.nodes[level]!), 12);
    }
    for (const [block, edges] of words.blocks.entries()) {
      expect(total(edges.value)).toBeCloseTo(total(trace.blocks[block]!.value), 12);
      // Rising, so that the strongest are drawn last.
      expect([...edges.value]).toEqual([...edges.value].sort((a, b) => a - b));
      const names = Array.from(edges.query, (query, e) => `${query} ${edges.key[e]}`);
      expect(new Set(names).size).toBe(names.length);
    }
    expect(words.sources).toEqual([1]);
    expect(total(words.relevance)).toBeCloseTo(1, 12);
  });

  test("what enters a word leaves it", () => {
    const words = groupTrace(trace, merged);
    for (const [i, { query, key, value }] of words.blocks.entries()) {
      const [above, below] = [new Float64Array(4), new Float64Array(4)];
      for (const [e, share] of value.entries()) {
        above[query[e]!]! += share;
        below[key[e]!]! += share;
      }
      for (let word = 0; word < 4; word++) {
        expect(above[word]).toBeCloseTo(words.nodes[i + 1]![word]!, 12);
        expect(below[word]).toBeCloseTo(words.nodes[i]![word]!, 12);
      }
    }
  });

  test("a word as source is one unit: the mean of its tokens", () => {
    const traces = [1, 2, 3].map((token) => walk(6, 3, token));
    const relevance = Float64Array.from({ length: 6 }, (_, key) =>
      total(traces.map((one) => one.relevance[key]!)),
    );
    const set: Trace = { ...trace, sources: [1, 2, 3], relevance, total: 3 };
    const words = groupTrace(set, merged);
    expect(words.sources).toEqual([1]);
    expect(words.total).toBeCloseTo(1, 12);
    expect(total(words.relevance)).toBeCloseTo(1, 12);
    expect(words.relevance[2]).toBeCloseTo(relevance[4]! / 3, 12);
  });

  test("for a sink the outputs of a word are averaged", () => {
    const relevance = Float64Array.from([0, 0.2, 0.4, 0.9, 0.3, 0]);
    const up: Trace = { ...trace, sources: null, sinks: [4], direction: "up", relevance };
    expect([...groupTrace(up, merged).relevance]).toEqual([0, 0.5, 0.3, 0]);
  });

  test("hidden tokens take their discs and edges with them, and no other figure changes", () => {
    const shown = groupTrace(trace, hidden);
    for (const [i, edges] of shown.blocks.entries()) {
      const visible = trace.blocks[i]!;
      const kept = Array.from(visible.value).filter(
        (_, e) => !SPECIAL.has(visible.query[e]!) && !SPECIAL.has(visible.key[e]!),
      );
      expect([...edges.value]).toEqual(kept);
      expect(edges.mass).toBeCloseTo(total(kept), 12);
    }
    expect([...shown.relevance]).toEqual([...trace.relevance.subarray(1, 5)]);
  });

  test("a cut between words holds what its edges held", () => {
    const flow = {
      value: 0.5,
      bound: 1,
      binding: "interior" as const,
      cut: [
        { block: 0, query: 4, key: 1, capacity: 0.2 },
        { block: 0, query: 4, key: 3, capacity: 0.25 },
        { block: 1, query: 4, key: 0, capacity: 0.05 },
      ],
      sourceSide: [Uint8Array.from([0, 0, 0, 0, 1, 0]), Uint8Array.from([0, 1, 1, 0, 1, 0])],
    };
    const words = groupTrace({ ...trace, method: "flow", flow }, merged);
    expect(words.flow?.cut).toHaveLength(2);
    expect(total(words.flow?.cut.map(({ capacity }) => capacity) ?? [])).toBeCloseTo(0.5, 12);
    // A word is before the cut only if all of it is.
    expect(words.flow?.sourceSide.map((side) => [...side])).toEqual([
      [0, 0, 1, 0],
      [0, 0, 1, 0],
    ]);
  });
});

describe("in a frame", () => {
  test("hidden tokens leave every part of it", () => {
    const state = { ...sent.rollout(), hide_special: true };
    const frame = frameFrom(state);
    expect(frame.n).toBe(state.tokens.length - state.special.length);
    expect(frame.matrix?.n).toBe(frame.n);
    expect(frame.trace?.relevance).toHaveLength(frame.n);
    expect(frame.tokens.some(({ special }) => special)).toBe(false);
    expect(frame.hidden.map(({ label }) => label)).toEqual(["CLS", "SEP"]);
    const whole = frameFrom(sent.rollout());
    const [, token] = frame.selected[0]!;
    expect(frame.members[token]).toEqual([whole.selected[0]![1]]);
    expect(frame.trace?.relevance[token]).toBe(whole.trace?.relevance[token + 1]);
  });

  test("what is traced is never hidden", () => {
    const state = sent.flow();
    const frame = frameFrom({ ...state, hide_special: true, selected: [[4, 0]] });
    expect(frame.tokens.filter(({ special }) => special).map(({ label }) => label)).toEqual([
      "CLS",
    ]);
    expect(frame.selected).toEqual([[4, 0]]);
  });

  test("numbers for other tokens are not drawn", () => {
    const frame = frameFrom({ ...sent.rollout(), tokens: ["only", "two"], special: [] });
    expect([frame.n, frame.matrix, frame.trace]).toEqual([2, null, null]);
  });
});
