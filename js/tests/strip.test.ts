import { describe, expect, test } from "vitest";
import { indexTicks, picked, quotes, ringed, stripForm, tints } from "../src/layout/strip";
import { frameOf, rowOf, traceOf } from "./frames";

const tinted = (values: Float64Array) =>
  Array.from(values.keys()).filter((token) => !Number.isNaN(values[token]!));

describe("tints", () => {
  test("from half of an even share up", () => {
    const trace = traceOf({ relevance: rowOf({ 0: 0.5, 2: 0.0626, 3: 0.0624, 4: 0.3 }) });
    expect(tinted(tints(frameOf({ trace })))).toEqual([0, 2, 4]);
  });

  test("in a long text from 0.75 % up", () => {
    const text = Array.from({ length: 512 }, (_, i) => `w${i}`);
    const trace = traceOf({ n: 512, relevance: rowOf({ 7: 0.0074, 8: 0.0076, 9: 0.985 }, 512) });
    expect(tinted(tints(frameOf({ trace }, text)))).toEqual([8, 9]);
  });

  test("flow: only what stands out from the usual value", () => {
    const relevance = Float64Array.of(1, 0.25, 0.25, 0.26, 0.85, 0.6, 0.24, 0.25);
    const trace = traceOf({ method: "flow", relevance });
    expect(tinted(tints(frameOf({ method: "flow", trace })))).toEqual([0, 4, 5]);
    const even = traceOf({ method: "flow", relevance: new Float64Array(8).fill(1) });
    expect(tinted(tints(frameOf({ method: "flow", trace: even })))).toEqual([]);
  });

  test("what is still computing has none, and nothing has without a trace", () => {
    const relevance = rowOf({ 0: 1, 4: 0.9, 5: 0.1 });
    relevance[2] = Number.NaN;
    const trace = traceOf({ method: "flow", relevance });
    expect(tinted(tints(frameOf({ method: "flow", trace })))).not.toContain(2);
    expect(tinted(tints(frameOf({ trace: null })))).toEqual([]);
  });
});

describe("selection", () => {
  test("the upper end is ringed, of a set each, of inputs alone these", () => {
    expect([
      ...ringed([
        [4, 0],
        [0, 5],
      ]),
    ]).toEqual([0]);
    expect([
      ...ringed([
        [2, 3],
        [2, 0],
      ]),
    ]).toEqual([3, 0]);
    expect([...ringed([[0, 5]])]).toEqual([5]);
    expect([...ringed([])]).toEqual([]);
  });

  test("a click picks the output; with Shift the other end; with Ctrl one more", () => {
    const frame = frameOf({ levels: [1, 4], selected: [[4, 4]] });
    const click = { shift: false, toggle: false };
    expect(picked(frame, 0, click)).toEqual({ node: [4, 0], how: "replace" });
    expect(picked(frame, 5, { ...click, shift: true })).toEqual({ node: [1, 5], how: "pair" });
    expect(picked(frame, 5, { ...click, toggle: true })).toEqual({ node: [4, 5], how: "add" });
  });

  test("Shift without an output selected asks for the output of the pair", () => {
    const frame = frameOf({ selected: [[0, 5]] });
    expect(picked(frame, 4, { shift: true, toggle: false })).toEqual({ node: [4, 4], how: "pair" });
  });

  test("Ctrl stays on the level of the selection", () => {
    const keys = { shift: false, toggle: true };
    expect(picked(frameOf({ selected: [[2, 4]] }), 0, keys).node).toEqual([2, 0]);
    expect(picked(frameOf({ selected: [[0, 4]] }), 5, keys).node).toEqual([0, 5]);
    expect(picked(frameOf({ selected: [] }), 5, keys).node).toEqual([4, 5]);
  });
});

describe("a long text", () => {
  test("three forms", () => {
    expect([1, 64, 65, 160, 161].map(stripForm)).toEqual([
      "words",
      "words",
      "text",
      "text",
      "barcode",
    ]);
  });

  test("ticks are round and few", () => {
    expect(indexTicks(512)).toEqual([0, 64, 128, 192, 256, 320, 384, 448]);
    expect(indexTicks(200).length).toBeLessThanOrEqual(8);
  });

  test("the strongest words are quoted as they stand in the text", () => {
    const text = ["[CLS]", "one", ",", "two", "un", "##til", "three", ".", "four", "five", "[SEP]"];
    const relevance = rowOf({ 0: 0.4, 4: 0.2, 8: 0.3, 7: 0.1 }, text.length);
    const trace = traceOf({ n: text.length, sources: [8], relevance });
    expect(quotes(frameOf({ trace, selected: [[4, 8]] }, text))).toEqual([
      { token: 4, value: 0.2, before: "one, two ", name: "un", after: "til three. four five" },
    ]);
  });
});
