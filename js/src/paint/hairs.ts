/**
 * Very many thin curves at once, straight into pixels: ten times as many in a frame as a canvas
 * strokes. Curves of one block share their ends in x, so that where each stands in a column of
 * pixels is one multiplication. Pure.
 */
import { parseColor, type RGB } from "../color";
import { type Curve, eased } from "../scene";

export interface Raster {
  columns: number;
  rows: number;
  /** RGBA; what no curve has touched is transparent. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  /** The same, four channels each; signed, since an engine counts these as integers. */
  words: Int32Array;
}

export function makeRaster(columns: number, rows: number): Raster {
  const pixels = new Uint8ClampedArray(columns * rows * 4);
  return { columns, rows, pixels, words: new Int32Array(pixels.buffer) };
}

const EVEN = 0x00ff00ff;
const ODD = 0xff00ff00 | 0;
/** Columns that take the slope of their middle together. */
const STRIDE = 4;
const ROUND = 0x00800080;

/** Four channels as the image holds them. */
function wordOf([red, green, blue]: RGB): number {
  return new Int32Array(Uint8Array.of(red, green, blue, 255).buffer)[0]!;
}

const inks = new Map<string, { word: number; opaque: number }>();

function inkOf(color: string): { word: number; opaque: number } {
  let known = inks.get(color);
  if (known === undefined) {
    const [red, green, blue, opaque] = parseColor(color) ?? [0, 0, 0, 1];
    known = { word: wordOf([red, green, blue]), opaque };
    inks.set(color, known);
  }
  return known;
}

/**
 * Draw curves of one block, in order, over an opaque paper. `left` and `top` are the raster's
 * corner in px, `ratio` its pixels a px.
 */
export function drawHairs(
  raster: Raster,
  curves: readonly Curve[],
  paper: RGB,
  left: number,
  top: number,
  ratio: number,
): void {
  const [some] = curves;
  if (some === undefined) return;
  const { columns, rows, words } = raster;
  const start = (some.x0 - left) * ratio;
  const length = (some.x1 - some.x0) * ratio;
  const first = Math.max(0, Math.floor(start));
  const end = Math.min(columns, Math.ceil(start + length));
  const count = Math.max(0, end - first);
  const heights = new Float64Array(count);
  const slopes = new Float64Array(count);
  const shares = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const x = first + i;
    const middle = Math.min(1, Math.max(0, (x + 0.5 - start) / length));
    const { at, slope } = eased(middle);
    heights[i] = at;
    slopes[i] = slope / length;
    // The first and the last column are covered in part.
    shares[i] = Math.min(x + 1, start + length) - Math.max(x, start);
  }
  const ground = wordOf(paper);
  for (const { y0, y1, width, color, opacity } of curves) {
    const { word, opaque } = inkOf(color);
    const evens = word & EVEN;
    const odds = (word >>> 8) & EVEN;
    const strength = opacity * opaque * 256;
    const from = (y0 - top) * ratio;
    const rise = (y1 - y0) * ratio;
    const thick = width * ratio;
    let [reach, weight] = [0, 0];
    for (let i = 0; i < count; i++) {
      if (i % STRIDE === 0) {
        const steep = Math.abs(rise * slopes[Math.min(count - 1, i + STRIDE / 2)]!);
        const half = (thick * Math.sqrt(1 + steep * steep)) / 2;
        // A steep hair crosses several pixels of its column, each for a part of the way.
        reach = Math.max(half, steep / 2, 0.5);
        weight = (half / reach) * strength;
      }
      const full = weight * shares[i]!;
      const low = from + rise * heights[i]! - reach;
      const high = low + 2 * reach;
      let row = low > 0 ? low | 0 : 0;
      const end = high < rows ? high : rows;
      let at = row * columns + first + i;
      // All of the first row; what of it is above is taken off again.
      let covered = row > low ? 1 : row + 1 - low;
      while (row < end) {
        if (++row > high) covered -= row - high;
        const alpha = (full * covered + 0.5) | 0;
        covered = 1;
        if (alpha > 0) {
          const under = words[at]! || ground;
          const rest = 256 - alpha;
          // Two channels in one multiplication; the halves round instead of cutting off.
          const even = (Math.imul(evens, alpha) + Math.imul(under & EVEN, rest) + ROUND) | 0;
          const odd = (Math.imul(odds, alpha) + Math.imul((under >>> 8) & EVEN, rest) + ROUND) | 0;
          words[at] = ((even >>> 8) & EVEN) | (odd & ODD);
        }
        at += columns;
      }
    }
  }
}
