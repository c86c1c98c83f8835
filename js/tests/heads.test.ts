import { describe, expect, test } from "vitest";
import { type Frame, type HeadsView, type SharesView, sizeOf } from "../src/frame";
import {
  barOf,
  isPicked,
  layoutHeads,
  mapPixels,
  orderedHeads,
  pickedHeads,
  scaleOf,
} from "../src/layout/heads";
import { frameOf } from "./frames";

function headsOf(layers: number, heads: number, side = 4): HeadsView {
  return {
    side,
    maps: Uint8Array.from({ length: layers * heads * side ** 2 }, (_, i) => i % 256),
    tops: new Float32Array(layers * heads).fill(1),
    entropy: Float32Array.from({ length: layers * heads }, (_, i) => ((i * 7) % 12) / 4),
  };
}

const shares: SharesView = {
  start: 1,
  shares: [Float32Array.from([0.1, 0.6, 0.3]), Float32Array.from([0.5, 0.25, 0.25])],
};

function frame(given: Partial<Frame> = {}, layers = 6, heads = 12): Frame {
  const width = given.width ?? 1200;
  return frameOf({
    nLayers: layers,
    nHeads: heads,
    headMaps: headsOf(layers, heads),
    size: sizeOf(width),
    ...given,
  });
}

describe("layout", () => {
  test("six layers of twelve heads stand side by side, four maps across", () => {
    const { groups, side, height } = layoutHeads(frame(), 1168, "number");
    expect(new Set(groups.map(({ y }) => y)).size).toBe(1);
    expect(new Set(groups[0]!.cells.map(({ x }) => x)).size).toBe(4);
    expect(side).toBeGreaterThan(38);
    expect(height).toBeLessThan(220);
  });

  test.each([
    [1, 1],
    [2, 2],
    [6, 12],
    [12, 12],
    [24, 16],
    [32, 32],
    [3, 40],
  ])("%i layers of %i heads: every map has its place, none overlaps another", (layers, heads) => {
    for (const width of [320, 456, 868, 1168, 1568]) {
      const given = frame({ width: width + 32 }, layers, heads);
      const layout = layoutHeads(given, width, "number");
      const cells = layout.groups.flatMap((group) => group.cells);
      expect(cells).toHaveLength(layers * heads);
      const { side } = layout;
      expect(side).toBeGreaterThanOrEqual(24);
      for (const { x, y } of cells) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x + side).toBeLessThanOrEqual(width + 0.01);
        expect(y + side).toBeLessThanOrEqual(layout.height);
      }
      const places = new Set(cells.map(({ x, y }) => `${Math.round(x)} ${Math.round(y)}`));
      expect(places.size).toBe(cells.length);
      const rows = new Map<number, number[]>();
      for (const { x, y } of cells) rows.set(y, [...(rows.get(y) ?? []), x]);
      for (const xs of rows.values()) {
        xs.sort((a, b) => a - b);
        for (const [i, x] of xs.entries()) {
          if (i > 0) expect(x - xs[i - 1]!).toBeGreaterThanOrEqual(side);
        }
      }
    }
  });

  test("layers outside the range are known, and with raw attention all but one", () => {
    const inside = (given: Partial<Frame>) =>
      layoutHeads(frame(given), 1168, "number")
        .groups.filter((group) => group.inside)
        .map(({ layer }) => layer);
    expect(inside({ levels: [1, 4] })).toEqual([1, 2, 3]);
    expect(inside({ levels: [1, 4], method: "attention" })).toEqual([3]);
  });
});

describe("order", () => {
  const view = { ...headsOf(3, 3), entropy: Float32Array.from([0, 0, 0, 2, 1, 3, 0, 0, 0]) };

  test("by number, by entropy from the sharpest, by contribution from the strongest", () => {
    expect(orderedHeads(view, shares, 1, 3, "number")).toEqual([0, 1, 2]);
    expect(orderedHeads(view, shares, 1, 3, "entropy")).toEqual([1, 0, 2]);
    expect(orderedHeads(view, shares, 1, 3, "share")).toEqual([1, 2, 0]);
    // Equal ones, and those of which nothing is known, keep their order.
    expect(orderedHeads(view, shares, 2, 3, "share")).toEqual([0, 1, 2]);
    expect(orderedHeads(view, shares, 0, 3, "share")).toEqual([0, 1, 2]);
  });

  test("the bar is the entropy of log2 n bits, or the part beside the strongest", () => {
    const given = frame({ headMaps: view, headShares: shares }, 3, 3);
    // Eight tokens: three bits.
    expect(barOf(given, "number", 1, 0)).toBeCloseTo(2 / 3, 6);
    expect(barOf(given, "share", 1, 2)).toBeCloseTo(0.5, 6);
    expect(barOf(given, "share", 0, 2)).toBe(null);
  });
});

describe("picked", () => {
  const rung = (given: Partial<Frame>) => {
    const one = frame({ levels: [0, 3], ...given });
    return layoutHeads(one, 1168, "number")
      .groups.flatMap(({ cells }) => cells)
      .filter(({ layer, head }) => isPicked(one, layer, head))
      .map(({ layer, head }) => [layer, head]);
  };

  test("the head of every layer in range; all heads are no head in particular", () => {
    expect(rung({ heads: 3 })).toEqual([0, 1, 2].map((layer) => [layer, 3]));
    expect(rung({ heads: "mean" })).toEqual([]);
    expect(rung({ heads: [0, 5], levels: [2, 3] })).toEqual([
      [2, 0],
      [2, 5],
    ]);
  });

  test("the top layer may have a head of its own", () => {
    expect(rung({ heads: 3, topHead: 0 })).toEqual([
      [0, 3],
      [1, 3],
      [2, 0],
    ]);
    expect(rung({ heads: "mean", topHead: 7 })).toEqual([[2, 7]]);
    expect(rung({ heads: 3, topHead: 7, method: "attention" })).toEqual([[2, 3]]);
  });

  test("a click picks one, a click with Ctrl adds and takes away", () => {
    expect(pickedHeads(frame({ heads: "mean" }), 0, false)).toBe(0);
    expect(pickedHeads(frame({ heads: 0, fusion: "max" }), 0, false)).toBe("max");
    expect(pickedHeads(frame({ heads: 4 }), 1, true)).toEqual([1, 4]);
    expect(pickedHeads(frame({ heads: [1, 4] }), 4, true)).toBe(1);
    expect(pickedHeads(frame({ heads: 4 }), 4, true)).toBe("mean");
  });
});

test("a map is made of its own values, in the colours of the scale", () => {
  const frame = frameOf();
  const pixels = mapPixels(headsOf(2, 3, 2), 5, scaleOf(frame));
  const color = (value: number) => [
    ...frame.theme.seqRGB(value / 255).map((channel) => Math.round(channel)),
    255,
  ];
  expect(pixels).toHaveLength(4 * 4);
  // Layer 1, head 2 holds the values 20 to 23.
  expect([...pixels.slice(0, 4)]).toEqual(color(20));
  expect([...pixels.slice(8, 12)]).toEqual(color(22));
});
