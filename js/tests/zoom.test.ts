import { describe, expect, test } from "vitest";
import { hitTest } from "../src/layout/hit";
import { allMarks, layoutStage } from "../src/layout/stage";
import { inView, rowY } from "../src/layout/zones";
import { centred, panned, revealing, type Zoom, zoomed } from "../src/layout/zoom";
import { toSVG } from "../src/paint/svg";
import type { Mark } from "../src/scene";
import { zoomKey } from "../src/views/stage_keys";
import { centredOn, panBy, zoomAt } from "../src/views/zooming";
import { measure, stageFrame } from "./stages";

describe("a window on tokens", () => {
  test("keeps what is under the pointer where it is", () => {
    const span = zoomed(null, 512, 0.25, 4, 500)!;
    expect(span.to - span.from).toBeCloseTo(128, 9);
    expect(span.from + 0.25 * 128).toBeCloseTo(128, 9);
  });

  test("never leaves the tokens, and is all of them again when it has grown to them", () => {
    const corner = zoomed(null, 100, 0, 2, 500)!;
    expect(corner).toEqual({ from: 0, to: 50 });
    expect(panned(corner, 100, -10)).toEqual(corner);
    expect(panned(corner, 100, 80)).toEqual({ from: 50, to: 100 });
    expect(zoomed(corner, 100, 0.7, 0.1, 500)).toBeNull();
  });

  test("ends where rows are as high as they get", () => {
    const span = zoomed(null, 512, 0.5, 1e6, 520)!;
    expect(520 / (span.to - span.from)).toBeCloseTo(52, 6);
  });

  test("a token is centred, or brought into view by the least move", () => {
    const span = centred(512, 300, 440)!;
    expect((span.from + span.to) / 2).toBeCloseTo(300.5, 9);
    expect(revealing(span, 512, 300)).toEqual(span);
    expect(revealing(span, 512, 400)!.to).toBeCloseTo(402, 9);
    expect(revealing(null, 512, 400)).toBeNull();
  });

  test("+ and − zoom, 0 shows everything, no other key is taken", () => {
    expect(zoomKey("+")! * zoomKey("-")!).toBeCloseTo(1, 9);
    expect(zoomKey("0")).toBe(0);
    expect(zoomKey("a")).toBeNull();
  });
});

describe("a zoomed stage", () => {
  const frame = stageFrame(256, 3, {}, 100);
  const whole = layoutStage(frame, 40, measure);
  const zoom: Zoom = { rows: { from: 90, to: 112 }, columns: { from: 40, to: 60 } };
  const layout = layoutStage(frame, 40, measure, zoom);
  const { zones } = layout;

  test("has its corners where they were", () => {
    expect([zones.top, zones.bottom, zones.matrix!.x]).toEqual([
      whole.zones.top,
      whole.zones.bottom,
      whole.zones.matrix!.x,
    ]);
    expect(rowY(zones, 90)).toBeCloseTo(zones.top + zones.pitch / 2, 9);
  });

  test("labels every row in view, and no other", () => {
    const tokens = layout.rows.inputs.map(({ token }) => token);
    expect(tokens).toEqual(Array.from({ length: 22 }, (_, i) => 90 + i));
    expect(layout.columns.placed.map(({ token }) => token)).toEqual(
      Array.from({ length: 20 }, (_, i) => 40 + i),
    );
  });

  test("draws no edge with neither end in view, and all the others", () => {
    const shown = ({ query, key }: { query: number; key: number }) =>
      inView(zones.rows, query) || inView(zones.rows, key);
    const expected = whole.edges.map((block) => block.filter(shown).length);
    expect(layout.edges.map((block) => block.length)).toEqual(expected);
    expect(layout.edges.flat().every(shown)).toBe(true);
    expect(expected.some((count, i) => count < whole.edges[i]!.length)).toBe(true);
  });

  test("shows what is in view alone: cells, labels, discs", () => {
    const boxes = (marks: readonly Mark[]): Mark[] =>
      marks.flatMap((mark) => (mark.kind === "group" ? boxes(mark.marks) : [mark]));
    expect(layout.cells).toHaveLength(22 * 20);
    for (const mark of boxes(layout.around)) {
      if (mark.kind !== "text") continue;
      expect(mark.y).toBeGreaterThan(0);
      expect(mark.y).toBeLessThan(zones.height);
    }
    const svg = toSVG(allMarks(layout), {
      width: zones.width,
      height: zones.height,
      fontFamily: "sans-serif",
      encodeImage: () => "",
    });
    expect(svg.match(/<clipPath /g)).toHaveLength(2);
    expect(svg.match(/<g /g)).toHaveLength(svg.match(/<\/g>/g)!.length);
  });

  test("a point on it is the token that is seen there", () => {
    const { x, cellW } = zones.matrix!;
    const cell = hitTest(layout, frame, x + 2.5 * cellW, rowY(zones, 95));
    expect(cell).toEqual({ kind: "cell", query: 95, key: 42 });
    const node = hitTest(layout, frame, zones.graph!.x1, rowY(zones, 100));
    expect(node).toEqual({ kind: "node", level: 3, token: 100 });
  });

  test("tells in an overview where the window is", () => {
    const thumb = layout.around.find(
      (mark): mark is Extract<Mark, { kind: "rect" }> =>
        mark.kind === "rect" && mark.stroke !== undefined && mark.x < 10,
    )!;
    const height = zones.bottom - zones.top;
    expect((thumb.y - zones.top) / height).toBeCloseTo(90 / 256, 6);
    expect(thumb.h / height).toBeCloseTo(22 / 256, 6);
    expect(whole.around.some((mark) => mark.kind === "rect" && mark.x < 10)).toBe(false);
  });

  test("moves with the hand: rows everywhere, columns in the matrix", () => {
    const moved = panBy(zoom, zones, 256, 0, 2 * zones.pitch);
    expect(moved.rows!.from).toBeCloseTo(92, 9);
    expect(moved.columns).toEqual(zoom.columns);
    expect(panBy(zoom, zones, 256, zones.matrix!.cellW, 0).columns!.from).toBeCloseTo(41, 9);
    expect(zoomAt(zoom, zones, 256, { rows: 0.5, columns: null }, 1.2).columns).toBe(zoom.columns);
  });

  test("a double click on a node takes its row to the middle, a second one back", () => {
    const near = centredOn(whole.zones, 256, 200)!;
    expect((near.rows!.from + near.rows!.to) / 2).toBeCloseTo(200.5, 9);
    const there = layoutStage(frame, 40, measure, near);
    expect(centredOn(there.zones, 256, 200)).toEqual({ rows: null, columns: null });
  });
});
