import { describe, expect, test } from "vitest";
import { drawHairs, makeRaster, type Raster } from "../src/paint/hairs";
import type { Curve } from "../src/scene";

const PAPER: [number, number, number] = [255, 255, 255];

const curve = (given: Partial<Curve> = {}): Curve => ({
  kind: "curve",
  x0: 10,
  y0: 20,
  x1: 50,
  y1: 20,
  width: 1,
  color: "#000000",
  opacity: 1,
  ...given,
});

function drawn(curves: readonly Curve[], ratio = 1): Raster {
  const raster = makeRaster(60 * ratio, 40 * ratio);
  drawHairs(raster, curves, PAPER, 0, 0, ratio);
  return raster;
}

const at = ({ pixels, columns }: Raster, x: number, y: number) =>
  Array.from(pixels.subarray(4 * (y * columns + x), 4 * (y * columns + x) + 4));

/** Ink in one column: 1 for a whole black pixel. */
function ink(raster: Raster, x: number): number {
  let sum = 0;
  for (let y = 0; y < raster.rows; y++) {
    const [red, , , alpha] = at(raster, x, y);
    if (alpha === 255) sum += 1 - red! / 255;
  }
  return sum;
}

describe("hairs as pixels", () => {
  test("a level one covers its rows from its first column to its last", () => {
    const raster = drawn([curve({ y0: 20.5, y1: 20.5 })]);
    for (const x of [10, 30, 49]) expect(at(raster, x, 20)).toEqual([0, 0, 0, 255]);
    for (const x of [9, 50]) expect(at(raster, x, 20)).toEqual([0, 0, 0, 0]);
    expect(at(raster, 30, 19)).toEqual([0, 0, 0, 0]);
  });

  test.each([0.6, 1, 4, 12])("one of %d px has that much ink in a column", (width) => {
    const raster = drawn([curve({ width })]);
    // A hair is never thinner than a pixel, only paler.
    expect(ink(raster, 30)).toBeCloseTo(width, 1);
  });

  test("a steep one has the ink of its length, and passes its middle", () => {
    const raster = drawn([curve({ y0: 5, y1: 35, width: 1.5 })]);
    const slope = (1.5 / 0.75) * (30 / 40);
    expect(ink(raster, 30)).toBeGreaterThan(1.5 * Math.hypot(1, slope) * 0.85);
    expect(ink(raster, 30)).toBeLessThan(1.5 * Math.hypot(1, slope) * 1.15);
    expect(at(raster, 30, 20)[3]).toBe(255);
  });

  test("colour and opacity are mixed with what is beneath, in order", () => {
    const red = curve({ color: "#ff0000", width: 3, opacity: 0.5, y0: 20.5, y1: 20.5 });
    const blue = { ...red, color: "#0000ff" };
    expect(at(drawn([red]), 30, 20)).toEqual([255, 128, 128, 255]);
    expect(at(drawn([red, blue]), 30, 20)).toEqual([128, 64, 192, 255]);
    expect(at(drawn([blue, red]), 30, 20)).toEqual([192, 64, 128, 255]);
  });

  test("what is cut off by the raster's edge does no harm", () => {
    const raster = drawn([curve({ x0: -20, x1: 90, y0: -30, y1: 80, width: 6 })]);
    expect(ink(raster, 30)).toBeGreaterThan(0);
  });

  test("at two pixels a px the same ink lies on four times the pixels", () => {
    const [one, two] = [drawn([curve({ width: 3 })]), drawn([curve({ width: 3 })], 2)];
    expect(ink(two, 60)).toBeCloseTo(2 * ink(one, 30), 1);
  });
});
