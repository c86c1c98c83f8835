import { describe, expect, test } from "vitest";
import type { ShownTrace } from "../src/model";
import { ascending, evaluateMatrix, evaluateTerms, evaluateTrace } from "../src/trace";
import flowState from "./fixtures/trophy_flow.json";
import { packed, random, sent, stateOf } from "./stages";

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

describe("terms in the residual", () => {
  // (a M + r I)^2 for one row: a^2 M^2 + 2 a r M + r^2 I.
  const terms = Float32Array.from([1, 0, 0.5, 0.5, 0.25, 0.75]);

  test("residual 1 is the first term alone, residual 0 the last", () => {
    expect([...evaluateTerms(terms, 0, 3, 2, 1, new Float64Array(2))]).toEqual([1, 0]);
    expect([...evaluateTerms(terms, 0, 3, 2, 0, new Float64Array(2))]).toEqual([0.25, 0.75]);
  });

  test("between them every term has its power", () => {
    const r = 0.3;
    const a = 0.7;
    const [left] = evaluateTerms(terms, 0, 3, 2, r, new Float64Array(2));
    expect(left).toBeCloseTo(r * r * 1 + a * r * 0.5 + a * a * 0.25, 12);
  });

  test("a matrix reuses the array it is given", () => {
    const matrix = {
      method: "rollout" as const,
      levels: [0, 1] as [number, number],
      terms: packed(Float32Array.from([1, 0, 0, 1, 0.5, 0.5, 0.25, 0.75]), [2, 2, 2]),
      binding: null,
    };
    const out = new Float64Array(4);
    expect(evaluateMatrix(matrix, 0.5, out)).toBe(out);
    expect([...out]).toEqual([0.75, 0.25, 0.125, 0.875]);
  });
});

test("positions rise with their values, and what carries nothing is left out", () => {
  const next = random(5);
  const values = Float64Array.from({ length: 500 }, (_, i) => (i % 7 === 0 ? 0 : next() ** 9));
  const order = [...ascending(values)];
  expect(order).toHaveLength(values.filter((value) => value > 0).length);
  for (let i = 1; i < order.length; i++) {
    // As good as the 24 bits of the numbers that the kernel sends.
    expect(values[order[i]!]! / values[order[i - 1]!]!).toBeGreaterThan(1 - 1e-6);
  }
});

describe("the walk that the kernel sent", () => {
  const wire = sent.rollout().shown_trace as ShownTrace;

  test.each([0, 0.2, 0.65, 1])(
    "carries one unit through every level at residual %f",
    (residual) => {
      const trace = evaluateTrace(wire, residual);
      for (const level of trace.nodes) expect(sum(level)).toBeCloseTo(1, 5);
      for (const block of trace.blocks) expect(sum(block.value)).toBeCloseTo(1, 5);
      expect(sum(trace.relevance)).toBeCloseTo(1, 5);
    },
  );

  test("what enters a node leaves it", () => {
    const trace = evaluateTrace(wire, 0.65);
    for (let level = 0; level < trace.nodes.length; level++) {
      const into = new Float64Array(trace.n);
      const out = new Float64Array(trace.n);
      trace.blocks[level]?.key.forEach((key, e) => {
        into[key]! += trace.blocks[level]!.value[e]!;
      });
      trace.blocks[level - 1]?.query.forEach((query, e) => {
        out[query]! += trace.blocks[level - 1]!.value[e]!;
      });
      for (let token = 0; token < trace.n; token++) {
        const mass = trace.nodes[level]![token]!;
        if (level < trace.stop) expect(into[token]).toBeCloseTo(mass, 5);
        if (level > trace.start) expect(out[token]).toBeCloseTo(mass, 5);
      }
    }
  });

  test("at residual 1 everything stays where it is", () => {
    const trace = evaluateTrace(wire, 1);
    for (const level of trace.nodes) expect(level[10]).toBe(1);
  });

  test("its shares are the row of the matrix that came with it", () => {
    const state = sent.rollout();
    const matrix = evaluateMatrix(state.shown_matrix as never, 0.65);
    const trace = evaluateTrace(wire, 0.65);
    for (let key = 0; key < trace.n; key++) {
      expect(trace.relevance[key]).toBeCloseTo(matrix[10 * trace.n + key]!, 5);
    }
  });

  test("edges of a block rise in value", () => {
    for (const block of evaluateTrace(wire, 0.4).blocks) {
      for (let e = 1; e < block.value.length; e++) {
        expect(block.value[e]! - block.value[e - 1]!).toBeGreaterThan(-1e-7);
      }
    }
  });
});

describe("the flow that the kernel sent", () => {
  const trace = evaluateTrace(stateOf(flowState).shown_trace as ShownTrace, 0.65);

  test("is conserved and as large as its cut", () => {
    const { value, cut, bound } = trace.flow!;
    expect(value).toBeLessThanOrEqual(bound);
    expect(sum(cut.map((edge) => edge.capacity))).toBeCloseTo(value, 5);
    expect(sum(trace.blocks[3]!.value)).toBeCloseTo(value, 5);
    expect(trace.nodes[4]![10]).toBeCloseTo(value, 5);
    expect(trace.nodes[0]![13]).toBeCloseTo(value, 5);
  });

  test("crosses from the side of the source to the other only through the cut", () => {
    const cut = new Set(trace.flow!.cut.map(({ block, query, key }) => `${block} ${query} ${key}`));
    const side = trace.flow!.sourceSide;
    for (const { block, query, key, value } of trace.blocks) {
      for (let e = 0; e < value.length; e++) {
        const leaves = side[block + 1]![query[e]!] === 1 && side[block]![key[e]!] === 0;
        if (leaves) expect(cut).toContain(`${block} ${query[e]} ${key[e]}`);
      }
    }
  });

  test("every input has its greatest flow, with what limits it", () => {
    expect(trace.relevance[13]).toBeCloseTo(trace.flow!.value, 5);
    expect(trace.relevanceBinding).toHaveLength(trace.n);
  });
});
