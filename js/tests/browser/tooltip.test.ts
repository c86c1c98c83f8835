import { describe, expect, test } from "vitest";
import type { Frame } from "../../src/frame";
import type { Hover } from "../../src/hover";
import { Tooltip } from "../../src/views/tooltip";
import { flowOf, frameOf, matrixOf, rowOf, traceOf } from "../frames";
import { mount } from "./mount";

function tooltip(
  target: Hover,
  given: Partial<Frame> = {},
  at = { x: 600, y: 200 },
  text?: string[],
) {
  return mount(
    () => new Tooltip(),
    frameOf({ trace: traceOf(), hovered: { target, ...at }, ...given }, text),
  );
}

const said = (...given: Parameters<typeof tooltip>) =>
  Array.from(tooltip(...given).view.el.children, (line) =>
    line.textContent?.replaceAll("\u00a0", " "),
  );

const cells = () => {
  const values = new Float64Array(64);
  values[4 * 8 + 5] = 0.0878123;
  values[4 * 8 + 4] = 0.4;
  return values;
};

describe("what it says", () => {
  const cell: Hover = { kind: "cell", query: 4, key: 5 };

  test("a cell, in the words of each method", () => {
    expect(said(cell, { matrix: matrixOf(cells()) })).toEqual(["8.78 % of ‘it’ comes from ‘big’"]);
    expect(said({ ...cell, key: 4 }, { matrix: matrixOf(cells()) })).toEqual([
      "40.0 % of ‘it’ comes from itself",
    ]);
    expect(said(cell, { matrix: matrixOf(cells(), { method: "attention" }) })).toEqual([
      "8.78 % of ‘it’’s attention goes to ‘big’",
    ]);
  });

  test("a flow says what limits it", () => {
    const flow = (binding: "interior" | "sink" | "source") =>
      said(cell, { matrix: matrixOf(cells(), { method: "flow", bindingAt: () => binding }) });
    expect(flow("interior")).toEqual([
      "0.0878 at most from ‘big’ to ‘it’",
      "limited by edges between them",
    ]);
    expect(flow("sink")[1]).toBe("limited by what ‘big’ gives on");
    expect(flow("source")[1]).toBe("limited by what ‘it’ can draw");
  });

  test("a flow still computing says so", () => {
    const values = cells().fill(Number.NaN);
    expect(said(cell, { matrix: matrixOf(values, { method: "flow" }) })).toEqual([
      "still computing",
    ]);
  });

  test("an edge and a residual edge", () => {
    const edge: Hover = { kind: "edge", block: 0, query: 4, key: 5, value: 0.0123 };
    expect(said(edge)).toEqual(["1.23 % of ‘it’ goes from ‘big’ to ‘it’ in layer 1"]);
    expect(said({ ...edge, key: 4 })).toEqual(["1.23 % of ‘it’ stays with ‘it’ in layer 1"]);
  });

  test("an edge of the cut is full", () => {
    const edge: Hover = { kind: "edge", block: 2, query: 4, key: 5, value: 0.293 };
    const cut = [{ block: 2, query: 4, key: 5, capacity: 0.293 }];
    const flow = { ...flowOf(0.607, "interior"), cut };
    expect(said(edge, { trace: traceOf({ method: "flow", sinks: [5], flow }) })).toEqual([
      "0.293 of 0.607 goes from ‘big’ to ‘it’ in layer 3",
      "full, part of the cut · holds 0.293",
    ]);
  });

  test("a node says what passes it", () => {
    const nodes = [0, 1, 2, 3, 4].map(() => rowOf({ 0: 0.345 }));
    const trace = traceOf({ nodes });
    expect(said({ kind: "node", level: 2, token: 0 }, { trace })).toEqual([
      "34.5 % of ‘it’ passes CLS at layer 2",
    ]);
    expect(said({ kind: "node", level: 0, token: 1 }, { trace })).toEqual(["‘the’ at the input"]);
  });

  test("labels on both sides, with a trace down and up", () => {
    expect(said({ kind: "input", token: 2 })).toEqual(["9.00 % of ‘it’ comes from ‘trophy’"]);
    // The other side has no number, and the label itself says the name.
    expect(said({ kind: "output", token: 2 })).toEqual([]);
    const up = traceOf({
      direction: "up",
      sources: null,
      sinks: [5],
      relevance: rowOf({ 4: 0.09 }),
    });
    expect(said({ kind: "output", token: 4 }, { trace: up })).toEqual([
      "9.00 % of ‘it’ comes from ‘big’",
    ]);
  });

  test("a column says its mean", () => {
    expect(said({ kind: "column", token: 5 }, { matrix: matrixOf(cells()) })).toEqual([
      "1.10 % of an output token comes from ‘big’ on average",
    ]);
  });

  test("a shortened token is spelled out, as text", () => {
    const text = ["[CLS]", "<b>internationalisation</b>", "[SEP]"];
    const trace = traceOf({ n: 3, sources: [0], relevance: rowOf({ 1: 0.5, 0: 0.5 }, 3) });
    const lines = said({ kind: "input", token: 1 }, { trace }, undefined, text);
    expect(lines[1]).toBe("token 1: <b>internationalisation</b>");
  });

  test("nothing under the pointer, or tokens that are gone: no tooltip", () => {
    const { view, show } = tooltip({ kind: "input", token: 2 });
    expect(view.el.hidden).toBe(false);
    show({ hovered: null });
    expect(view.el.hidden).toBe(true);
    show({ hovered: { target: { kind: "cell", query: 99, key: 0 }, x: 0, y: 0 } });
    expect(view.el.hidden).toBe(true);
  });
});

describe("where it stands", () => {
  const target: Hover = { kind: "input", token: 2 };
  const boxes = (x: number, y: number) => {
    const { root, view } = tooltip(target, {}, { x, y });
    return { root: root.getBoundingClientRect(), tip: view.el.getBoundingClientRect() };
  };

  test.each([
    [0, 0],
    [1200, 0],
    [600, 200],
    [0, 399],
    [1200, 399],
  ])("at (%i, %i) inside of the widget and off its row", (x, y) => {
    const { root, tip } = boxes(x, y);
    expect(tip.left).toBeGreaterThanOrEqual(root.left);
    expect(tip.right).toBeLessThanOrEqual(root.right);
    expect(tip.top).toBeGreaterThanOrEqual(root.top);
    expect(tip.bottom).toBeLessThanOrEqual(root.bottom);
    // Half of the tallest row above and below the pointer stays free.
    const row = { top: root.top + y - 13, bottom: root.top + y + 13 };
    expect(tip.top >= row.bottom || tip.bottom <= row.top).toBe(true);
  });

  test("below its row, above it only at the lower edge", () => {
    const middle = boxes(600, 200);
    expect(middle.tip.top).toBeGreaterThan(middle.root.top + 200);
    const low = boxes(600, 399);
    expect(low.tip.bottom).toBeLessThan(low.root.top + 399);
  });

  test("the pointer goes through it", () => {
    const { view } = tooltip(target);
    expect(getComputedStyle(view.el).pointerEvents).toBe("none");
  });
});
