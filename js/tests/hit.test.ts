import { describe, expect, test } from "vitest";
import type { Frame } from "../src/frame";
import { hitTest, nodeOf } from "../src/layout/hit";
import { layoutStage, nodePosition } from "../src/layout/stage";
import { COLUMN_ANGLE, rowY } from "../src/layout/zones";
import { frameFrom, measure, sent, stageFrame } from "./stages";

const lay = (frame: Frame) => layoutStage(frame, 27, measure);
const frame = frameFrom(sent.rollout());
const layout = lay(frame);
const { zones } = layout;

describe("16 tokens", () => {
  test("every node is where it is drawn", () => {
    for (let level = 0; level <= 4; level++) {
      for (let token = 0; token < 16; token++) {
        const { x, y } = nodePosition(layout, level, token);
        expect(hitTest(layout, frame, x, y)).toEqual({ kind: "node", level, token });
      }
    }
  });

  test("a node can be hit 10 px beside and 9 px above its middle", () => {
    const { x, y } = nodePosition(layout, 2, 5);
    for (const [dx, dy] of [
      [10, 0],
      [-10, 0],
      [0, 9],
      [0, -9],
    ] as const) {
      expect(hitTest(layout, frame, x + dx, y + dy)).toMatchObject({ level: 2, token: 5 });
    }
  });

  test("labels, figures and bars stand for their token", () => {
    for (const token of [0, 7, 15]) {
      const y = rowY(zones, token);
      expect(hitTest(layout, frame, zones.inputs.right - 5, y)).toEqual({ kind: "input", token });
      expect(hitTest(layout, frame, zones.bars.right - 5, y)).toEqual({ kind: "input", token });
      expect(hitTest(layout, frame, zones.outputs.left + 5, y)).toEqual({ kind: "output", token });
    }
  });

  test("every cell is its query and key", () => {
    const { x, y, cellW, cellH } = zones.matrix!;
    for (let query = 0; query < 16; query++) {
      for (let key = 0; key < 16; key++) {
        const at = [x + (key + 0.5) * cellW, y + (query + 0.5) * cellH] as const;
        expect(hitTest(layout, frame, ...at)).toEqual({ kind: "cell", query, key });
      }
    }
  });

  test("a leaning label is its column along all of its length", () => {
    const angle = (COLUMN_ANGLE * Math.PI) / 180;
    for (const { token, x, y, width } of layout.columns.placed) {
      for (const share of [0.1, 0.5, 0.9]) {
        const at = [
          x + share * width * Math.cos(angle),
          y - share * width * Math.sin(angle),
        ] as const;
        expect(hitTest(layout, frame, ...at)).toEqual({ kind: "column", token });
      }
    }
  });

  test("bars under the matrix are their columns", () => {
    const { x, cellW } = zones.matrix!;
    const hit = hitTest(layout, frame, x + 3.5 * cellW, zones.margins!.y + 4);
    expect(hit).toEqual({ kind: "column", token: 3 });
  });

  test("a strong ribbon is hit on its curve, with its value", () => {
    const edge = layout.edges[3]!.at(-2)!;
    const { x0, y0, x1, y1 } = edge.curve;
    const t = 0.3;
    const x = x0 + (x1 - x0) * (1.5 * t - 1.5 * t * t + t ** 3);
    const y = y0 + (y1 - y0) * t * t * (3 - 2 * t);
    expect(hitTest(layout, frame, x, y)).toEqual({
      kind: "edge",
      block: 3,
      query: edge.query,
      key: edge.key,
      value: edge.value,
    });
  });

  test("empty space is nothing", () => {
    expect(hitTest(layout, frame, 5, 5)).toBeNull();
    expect(hitTest(layout, frame, zones.graph!.x1 + 60, zones.bottom + 40)).toBeNull();
    const { x, w } = zones.matrix!;
    expect(hitTest(layout, frame, x + w + 8, zones.bottom - 5)).toBeNull();
  });
});

describe("many tokens", () => {
  const many = stageFrame(512, 3, { massShown: 0.5 });
  const dense = lay(many);

  test("a click near a large disc means it, not the hairline rows beside it", () => {
    const { x, y } = nodePosition(dense, 3, 256);
    expect(dense.zones.pitch).toBeLessThan(1);
    for (const dy of [-6, -2, 0, 2, 6]) {
      expect(hitTest(dense, many, x, y + dy)).toMatchObject({ kind: "node", token: 256 });
    }
  });

  test("every cell of the image is within half a pixel", () => {
    const { x, y, cellW, cellH } = dense.zones.matrix!;
    const hit = hitTest(dense, many, x + 300.5 * cellW, y + 17.5 * cellH);
    expect(hit).toEqual({ kind: "cell", query: 17, key: 300 });
  });
});

test("a lone matrix has its outputs on the left", () => {
  const narrow: Frame = { ...frame, width: 480, size: "narrow", tab: "matrix" };
  const lone = lay(narrow);
  const hit = hitTest(lone, narrow, lone.zones.outputs.right - 5, rowY(lone.zones, 4));
  expect(hit).toEqual({ kind: "output", token: 4 });
  expect(nodeOf(hit!, lone, narrow)).toEqual([4, 4]);
});

test("targets stand for nodes of the levels on show", () => {
  expect(nodeOf({ kind: "input", token: 3 }, layout, frame)).toEqual([0, 3]);
  expect(nodeOf({ kind: "output", token: 3 }, layout, frame)).toEqual([4, 3]);
  expect(nodeOf({ kind: "column", token: 0 }, layout, frame)).toEqual([0, 0]);
  expect(nodeOf({ kind: "cell", query: 1, key: 2 }, layout, frame)).toBeNull();
});
