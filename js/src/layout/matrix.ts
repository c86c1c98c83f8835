/** The matrix: cells, the selected row and column, margins and legend. Pure. */
import type { RGB, Theme } from "../color";
import { differenceOf } from "../compare";
import type { Frame, MatrixView } from "../frame";
import type { Mark } from "../scene";
import { differenceCells } from "./difference";
import { selectedAt } from "./labels";
import type { Label } from "./text";
import { columnX, inView, ROUND_CELL, rowY, viewed, type Zones } from "./zones";

const OUTLINE = 1.75;
/** Cells from this size on keep a gap between them. */
const GAPPED_CELL = 5;
const MIN_OUTLINE_HEIGHT = 7;

/** A selection redraws the stage but leaves the cells as they are. */
const madePixels = new WeakMap<
  MatrixView,
  { theme: Theme; pixels: Uint8ClampedArray<ArrayBuffer> }
>();

function pixelsOf(matrix: MatrixView, theme: Theme): Uint8ClampedArray<ArrayBuffer> {
  const known = madePixels.get(matrix);
  if (known !== undefined && known.theme === theme) return known.pixels;
  const pixels = matrixPixels(matrix, theme);
  madePixels.set(matrix, { theme, pixels });
  return pixels;
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

/** The matrix as pixels, one a cell. NaN cells, still being computed, are a quiet hatch. */
export function matrixPixels(matrix: MatrixView, theme: Theme): Uint8ClampedArray<ArrayBuffer> {
  const { n, values } = matrix;
  const pixels = new Uint8ClampedArray(n * n * 4);
  const words = new Uint32Array(pixels.buffer);
  const table = packedColors(theme.seqRGB);
  const faint = table[0]!;
  const hatch = table[15]!;
  let { scale } = matrix;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (i % n === 0) scale = matrix.scaleOf(i / n);
    words[i] = Number.isNaN(value)
      ? ((i % n) + Math.floor(i / n)) % 6 < 2
        ? hatch
        : faint
      : table[Math.round(255 * scale.t(value))]!;
  }
  return pixels;
}

/** Cells in view, a rectangle each; no colour: still being computed. */
export function cellMarks(
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
        const line = { kind: "line" as const, width: 0.75, color: theme.line };
        marks.push({ ...line, x0: x + 2, y0: y + h - 2, x1: x + w - 2, y1: y + 2 });
      }
    }
  }
  return marks;
}

/** Lines of paper between the cells of an image, where rectangles would have gaps. */
function gaps(zones: Zones, theme: Theme): Mark[] {
  const { x, y, w, h, cellW, cellH } = zones.matrix!;
  const line = { kind: "line" as const, width: 1, color: theme.paper };
  const marks: Mark[] = [];
  const [rows, columns] = [viewed(zones.rows), viewed(zones.columns)];
  for (let query = rows.first + 1; query < rows.end; query++) {
    const at = rowY(zones, query) - cellH / 2;
    marks.push({ ...line, x0: x, y0: at, x1: x + w, y1: at });
  }
  for (let key = columns.first + 1; key < columns.end; key++) {
    const at = columnX(zones, key) - cellW / 2;
    marks.push({ ...line, x0: at, y0: y, x1: at, y1: y + h });
  }
  return marks;
}

/** All cells as one image, of which the clip shows what is in view, and a frame around it. */
export function imageMarks(
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

/** Cells alone, without anything that moves with a selection. */
export function layoutCells(frame: Frame, zones: Zones): Mark[] {
  const difference = differenceOf(frame);
  if (difference !== null) return differenceCells(frame, difference, zones);
  const matrix = frame.matrix!;
  const { theme } = frame;
  const { n, values } = matrix;
  if (zones.cellImage) return imageMarks(zones, theme, n, pixelsOf(matrix, theme));
  return cellMarks(zones, theme, (query, key) => {
    const value = values[query * n + key]!;
    return Number.isNaN(value) ? null : theme.seq(matrix.scaleOf(query).t(value));
  });
}

/** Outline of a whole row, at least 7 px high so that it never hides what it marks. */
export function rowOutline(zones: Zones, token: number, color: string, width = OUTLINE): Mark {
  const { x, w, cellH } = zones.matrix!;
  const h = Math.max(MIN_OUTLINE_HEIGHT, cellH + 1);
  const y = rowY(zones, token) - h / 2;
  return { kind: "rect", x: x - 1.5, y, w: w + 3, h, radius: 2.5, stroke: color, width };
}

export function columnOutline(zones: Zones, token: number, color: string, width: number): Mark {
  const { y, h, cellW } = zones.matrix!;
  const w = Math.max(MIN_OUTLINE_HEIGHT - 1, cellW + 1);
  return {
    kind: "rect",
    x: columnX(zones, token) - w / 2,
    y: y - 1,
    w,
    h: h + 2,
    radius: 2.5,
    stroke: color,
    width,
  };
}

/** Selected rows with the line to their labels, and selected columns. */
export function layoutOutlines(frame: Frame, zones: Zones, labels: readonly Label[]): Mark[] {
  const matrix = frame.matrix!;
  const { theme } = frame;
  const marks: Mark[] = [];
  const rows = selectedAt(frame, matrix.rowLevel);
  const columns = selectedAt(frame, matrix.columnLevel);
  for (const token of columns) {
    if (!inView(zones.columns, token)) continue;
    // With a row selected the column only points out the cell; alone it is the selection.
    marks.push(
      rows.size > 0
        ? columnOutline(zones, token, theme.ink2, 1)
        : columnOutline(zones, token, theme.accent, OUTLINE),
    );
  }
  for (const token of rows) {
    if (!inView(zones.rows, token)) continue;
    const y = rowY(zones, token);
    const x0 =
      zones.graph === null
        ? zones.outputs.right + 8
        : zones.outputs.left + labels[token]!.width + 10;
    if (zones.graph === null || zones.outputs.left > 0) {
      const x1 = zones.matrix!.x - 2;
      if (x1 > x0) {
        marks.push({ kind: "line", x0, y0: y, x1, y1: y, width: 1.25, color: theme.accent });
      }
    }
    marks.push(rowOutline(zones, token, theme.accent));
  }
  return marks;
}
