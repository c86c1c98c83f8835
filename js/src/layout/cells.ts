/** The cells of a matrix: rectangles where there are few, one image where there are many. Pure. */
import type { RGB, Theme } from "../color";
import { line, type Mark } from "../scene";
import { columnX, ROUND_CELL, rowY, viewed, type Zones } from "./zones";

/** Cells from this size on keep a gap between them. */
const GAPPED_CELL = 5;

/** Row-major, (n, n); NaN: still being computed. */
interface Cells {
  n: number;
  values: Float64Array;
}

export type Pixels = Uint8ClampedArray<ArrayBuffer>;

/** A selection redraws the stage but leaves the cells as they are: one picture of each is kept. */
const made = new WeakMap<object, { theme: Theme; pixels: Pixels }>();

function pixelsOf<T extends Cells>(
  of: T,
  theme: Theme,
  colorAll: (of: T, theme: Theme, words: Uint32Array) => void,
): Pixels {
  let known = made.get(of);
  if (known?.theme !== theme) {
    const pixels = new Uint8ClampedArray(of.n * of.n * 4);
    colorAll(of, theme, new Uint32Array(pixels.buffer));
    known = { theme, pixels };
    made.set(of, known);
  }
  return known.pixels;
}

/** The cells of a matrix, or of a difference: `colorAll` writes all of them as the words of an
 * image, `colorOf` gives the colour of a value where each is a rectangle. */
export function layCells<T extends Cells>(
  zones: Zones,
  theme: Theme,
  of: T,
  colorAll: (of: T, theme: Theme, words: Uint32Array) => void,
  colorOf: (value: number, query: number) => string,
): Mark[] {
  const { n, values } = of;
  if (zones.cellImage) return imageMarks(zones, theme, n, pixelsOf(of, theme, colorAll));
  return cellMarks(zones, theme, (query, key) => {
    const value = values[query * n + key]!;
    return Number.isNaN(value) ? null : colorOf(value, query);
  });
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** A scale from 0 to 1 in 256 steps, each colour one 32-bit word of an image. */
export function packedColors(colorAt: (t: number) => RGB): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const [red, green, blue] = colorAt(i / 255).map(Math.round) as RGB;
    return LITTLE_ENDIAN
      ? (0xff000000 | (blue << 16) | (green << 8) | red) >>> 0
      : ((red << 24) | (green << 16) | (blue << 8) | 0xff) >>> 0;
  });
}

/** Cells in view, a rectangle each; no colour: still being computed. */
function cellMarks(
  zones: Zones,
  theme: Theme,
  colorOf: (query: number, key: number) => string | null,
): Mark[] {
  const { cellW, cellH } = zones.matrix!;
  const marks: Mark[] = [];
  const radius = Math.min(cellW, cellH) >= ROUND_CELL ? 1 : 0;
  const inset = Math.min(cellW, cellH) >= GAPPED_CELL ? 0.5 : 0;
  const w = cellW - 2 * inset;
  const h = cellH - 2 * inset;
  const [rows, columns] = [viewed(zones.rows), viewed(zones.columns)];
  for (let query = rows.first; query < rows.end; query++) {
    const y = rowY(zones, query) - cellH / 2 + inset;
    for (let key = columns.first; key < columns.end; key++) {
      const x = columnX(zones, key) - cellW / 2 + inset;
      const color = colorOf(query, key);
      marks.push({ kind: "rect", x, y, w, h, radius, fill: color ?? theme.panel, crisp: true });
      if (color === null && radius > 0) {
        marks.push(line(x + 2, y + h - 2, x + w - 2, y + 2, theme.line, 0.75));
      }
    }
  }
  return marks;
}

/** Lines of paper between the cells of an image, where rectangles would have gaps. */
function gaps(zones: Zones, theme: Theme): Mark[] {
  const { x, y, w, h, cellW, cellH } = zones.matrix!;
  const marks: Mark[] = [];
  const [rows, columns] = [viewed(zones.rows), viewed(zones.columns)];
  for (let query = rows.first + 1; query < rows.end; query++) {
    const at = rowY(zones, query) - cellH / 2;
    marks.push(line(x, at, x + w, at, theme.paper));
  }
  for (let key = columns.first + 1; key < columns.end; key++) {
    const at = columnX(zones, key) - cellW / 2;
    marks.push(line(at, y, at, y + h, theme.paper));
  }
  return marks;
}

/** All cells as one image, of which the clip shows what is in view, and a frame around it. */
function imageMarks(
  zones: Zones,
  theme: Theme,
  n: number,
  pixels: Uint8ClampedArray<ArrayBuffer>,
): Mark[] {
  const { x, y, w, h, cellW, cellH } = zones.matrix!;
  return [
    {
      kind: "image",
      x: x - zones.columns.from * cellW,
      y: y - zones.rows.from * cellH,
      w: n * cellW,
      h: n * cellH,
      pixels,
      columns: n,
      rows: n,
      smooth: Math.min(cellW, cellH) < 1,
    },
    ...(Math.min(cellW, cellH) >= GAPPED_CELL ? gaps(zones, theme) : []),
    { kind: "rect", x: x - 0.5, y: y - 0.5, w: w + 1, h: h + 1, stroke: theme.line, width: 1 },
  ];
}
