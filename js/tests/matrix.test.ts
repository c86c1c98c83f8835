import { describe, expect, test } from "vitest";
import { formatColor, makeTheme } from "../src/color";
import type { Frame } from "../src/frame";
import { axisWords, layoutLegend, matrixTitle } from "../src/layout/legend";
import { columnMeans, rowMeans } from "../src/layout/margins";
import { layoutCells, matrixPixels, rowOutline } from "../src/layout/matrix";
import { layoutStage } from "../src/layout/stage";
import type { Image, Rect, Text } from "../src/scene";
import { matrixOf } from "./frames";
import { frameFrom, measure, sent, stageFrame } from "./stages";

const theme = makeTheme(false);
const lay = (frame: Frame) => layoutStage(frame, 27, measure);
const rects = (marks: readonly { kind: string }[]) =>
  marks.filter((mark): mark is Rect => mark.kind === "rect");

describe("cells", () => {
  const frame = frameFrom(sent.rollout());
  const matrix = frame.matrix!;
  const { zones, cells } = lay(frame);

  test("up to 64 tokens each is a rectangle of its colour, queries down, keys across", () => {
    const found = rects(cells);
    expect(found).toHaveLength(256);
    const cell = found[10 * 16 + 8]!;
    expect(cell.fill).toBe(theme.seq(matrix.scale.t(matrix.values[10 * 16 + 8]!)));
    const { x, y, cellW, cellH } = zones.matrix!;
    expect([cell.x, cell.y]).toEqual([x + 8 * cellW + 0.5, y + 10 * cellH + 0.5]);
    expect([cell.w, cell.h]).toEqual([cellW - 1, cellH - 1]);
  });

  test("those still being computed have no colour of the scale and no number", () => {
    const values = matrix.values.slice().fill(Number.NaN, 5 * 16);
    const pending = layoutCells({ ...frame, matrix: { ...matrix, values } }, zones);
    expect(rects(pending)[5 * 16]!.fill).toBe(theme.panel);
    expect(pending.filter((mark) => mark.kind === "line")).toHaveLength(11 * 16);
  });

  test("above 64 tokens they are the pixels of one image", () => {
    const big = lay(stageFrame(65, 2));
    const image = big.cells.find((mark): mark is Image => mark.kind === "image")!;
    expect([image.columns, image.rows]).toEqual([65, 65]);
    expect(image.smooth).toBe(false);
    expect(lay(stageFrame(600, 1)).cells[0]).toMatchObject({ kind: "image", smooth: true });
  });
});

test("a pixel has the colour of its cell", () => {
  const values = Float64Array.from([0, 0.5, Number.NaN, 1]);
  const matrix = matrixOf(values);
  const pixels = new Uint8ClampedArray(4 * values.length);
  matrixPixels(matrix, theme, new Uint32Array(pixels.buffer));
  const at = (cell: number) => formatColor([...pixels.subarray(4 * cell, 4 * cell + 3)] as never);
  expect(at(0)).toBe(theme.seq(0));
  expect(at(3)).toBe(theme.seq(1));
  expect(at(1)).toBe(formatColor(theme.seqRGB(Math.round(255 * matrix.scale.t(0.5)) / 255)));
  expect([3, 7, 11, 15].map((alpha) => pixels[alpha])).toEqual([255, 255, 255, 255]);
});

describe("selection", () => {
  const frame = frameFrom(sent.rollout());

  test("an output's row is outlined in the accent and joined to its label", () => {
    const { matrix, zones } = lay(frame);
    expect(matrix).toContainEqual(rowOutline(zones, 10, theme.accent));
    const join = matrix.find((mark) => mark.kind === "line" && mark.color === theme.accent);
    if (join?.kind !== "line") throw new Error("no line");
    expect(join.x0).toBeGreaterThan(zones.outputs.left);
    expect(join.x1).toBeLessThan(zones.matrix!.x);
    expect(join.y0).toBe(join.y1);
  });

  test("a node of another level outlines nothing", () => {
    const { matrix } = lay({ ...frame, selected: [[2, 10]] });
    expect(rects(matrix).some((mark) => mark.stroke === theme.accent)).toBe(false);
  });

  test("with hundreds of rows the outline is still high enough to see what it marks", () => {
    const { zones } = lay(stageFrame(256, 2));
    expect(rowOutline(zones, 100, theme.accent)).toMatchObject({ h: 7 });
  });
});

describe("margins", () => {
  test("are the columns' means over the outputs", () => {
    const matrix = matrixOf(Float64Array.from([0.75, 0.25, 0.25, 0.75]));
    expect(columnMeans(matrix)).toBeNull();
    const uneven = matrixOf(Float64Array.from([1, 0, 0.5, 0.5]));
    expect([...columnMeans(uneven)!]).toEqual([0.75, 0.25]);
  });

  test("are not shown while cells are missing", () => {
    const partial = matrixOf(Float64Array.from([1, Number.NaN, 0, 1]));
    expect(columnMeans(partial)).toBeNull();
    expect(rowMeans(partial)).toBeNull();
  });

  test("of rows are shown where they differ: of flows, not of shares", () => {
    expect(rowMeans(matrixOf(Float64Array.from([1, 0, 0.25, 0.75])))).toBeNull();
    const flow = matrixOf(Float64Array.from([1, 0, 0.5, 1]), { method: "flow" });
    expect([...rowMeans(flow)!]).toEqual([0.5, 0.75]);
    const frame = stageFrame(2, 2);
    const { zones, matrix } = lay({ ...frame, matrix: flow });
    const beside = rects(matrix).filter(({ x }) => x > zones.matrix!.x + zones.matrix!.w);
    expect(beside).toHaveLength(2);
    expect(beside[1]!.w).toBeCloseTo(1.5 * beside[0]!.w, 9);
    expect(beside[1]!.x + beside[1]!.w).toBeLessThanOrEqual(zones.width);
  });
});

describe("legend", () => {
  const frame = frameFrom(sent.rollout());
  const { zones } = lay(frame);
  const texts = (given: Frame) =>
    layoutLegend(given, zones, measure).filter((mark): mark is Text => mark.kind === "text");

  test("ticks 0, half the knee, the knee and the most, where their colours are", () => {
    const { scale } = frame.matrix!;
    const ticks = texts(frame).filter((mark) => mark.anchor === "middle");
    expect(ticks.map((mark) => Number(mark.text))).toEqual(
      [0, 50 * scale.knee, 100 * scale.knee, 100 * scale.max].map((v) => Number(v.toPrecision(3))),
    );
    const { x, w } = zones.legend!;
    expect(ticks.map((mark) => (mark.x - x) / w)).toEqual(
      [0, 0.37, 0.74, 1].map((t) => expect.closeTo(t, 9)),
    );
  });

  test("a flow's figures are no per cents", () => {
    const flow = frameFrom(sent.flow());
    const ticks = texts(flow).filter((mark) => mark.anchor === "middle");
    expect(ticks.at(-1)!.text).toBe("1");
    expect(matrixTitle(flow)).toBe("greatest flow");
  });

  test("says what is shown, and which way it is read", () => {
    expect(matrixTitle(frame)).toBe("share of an output token, %");
    const matrix = { ...frame.matrix!, method: "attention" as const, rowLevel: 3, columnLevel: 2 };
    const of = (heads: Frame["heads"]) => matrixTitle({ ...frame, matrix, heads });
    expect(of(5)).toBe("attention of layer 3, head 5, %");
    expect(of("mean")).toBe("attention of layer 3, all heads, %");
    expect(of("max")).toBe("attention of layer 3, all heads, max, %");
    expect(of([1, 4])).toBe("attention of layer 3, heads 1, 4, %");
    expect(axisWords({ ...frame, matrix })).toBe("rows: queries, layer 3 · columns: keys, layer 2");
    expect(axisWords(frame)).toBe("rows: queries, layer 4 · columns: keys, input");
  });
});
