/** The matrix: cells, the selected row and column, margins and legend. Pure. */
import type { Theme } from "../color";
import type { Frame, MatrixView } from "../frame";
import type { Mark } from "../scene";
import { selectedAt } from "./labels";
import { HEAD_SIZE, type Label, WEIGHT } from "./text";
import { rowY, type Zones } from "./zones";

/** Up to this many tokens cells are rectangles, above it the pixels of one image. */
export const CELL_TOKENS = 64;
const OUTLINE = 1.75;
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

/** The matrix as pixels, one a cell. NaN cells, still being computed, are a quiet hatch. */
export function matrixPixels(matrix: MatrixView, theme: Theme): Uint8ClampedArray<ArrayBuffer> {
  const { n, values } = matrix;
  const pixels = new Uint8ClampedArray(n * n * 4);
  const words = new Uint32Array(pixels.buffer);
  const table = new Uint32Array(256);
  const little = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
  const pack = ([red, green, blue]: readonly [number, number, number]): number =>
    (little
      ? 0xff000000 | (Math.round(blue) << 16) | (Math.round(green) << 8) | Math.round(red)
      : (Math.round(red) << 24) | (Math.round(green) << 16) | (Math.round(blue) << 8) | 0xff) >>> 0;
  for (let i = 0; i < 256; i++) table[i] = pack(theme.seqRGB(i / 255));
  const faint = table[0]!;
  const hatch = pack(theme.seqRGB(0.06));
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

function cells(frame: Frame, zones: Zones): Mark[] {
  const matrix = frame.matrix!;
  const box = zones.matrix!;
  const { theme } = frame;
  const { n, values } = matrix;
  const marks: Mark[] = [];
  const radius = Math.min(box.cellW, box.cellH) >= 8 ? 1 : 0;
  const inset = Math.min(box.cellW, box.cellH) >= 5 ? 0.5 : 0;
  for (let query = 0; query < n; query++) {
    const scale = matrix.scaleOf(query);
    for (let key = 0; key < n; key++) {
      const value = values[query * n + key]!;
      const x = box.x + key * box.cellW + inset;
      const y = box.y + query * box.cellH + inset;
      const w = box.cellW - 2 * inset;
      const h = box.cellH - 2 * inset;
      const pending = Number.isNaN(value);
      const fill = pending ? theme.panel : theme.seq(scale.t(value));
      marks.push({ kind: "rect", x, y, w, h, radius, fill, crisp: true });
      if (pending && radius > 0) {
        const line = { kind: "line" as const, width: 0.75, color: theme.line };
        marks.push({ ...line, x0: x + 2, y0: y + h - 2, x1: x + w - 2, y1: y + 2 });
      }
    }
  }
  return marks;
}

/** Cells alone, without anything that moves with a selection. */
export function layoutCells(frame: Frame, zones: Zones): Mark[] {
  const matrix = frame.matrix!;
  const { x, y, w, h, cellW, cellH } = zones.matrix!;
  if (matrix.n <= CELL_TOKENS) return cells(frame, zones);
  return [
    {
      kind: "image",
      x,
      y,
      w,
      h,
      pixels: pixelsOf(matrix, frame.theme),
      columns: matrix.n,
      rows: matrix.n,
      smooth: Math.min(cellW, cellH) < 1,
    },
    {
      kind: "rect",
      x: x - 0.5,
      y: y - 0.5,
      w: w + 1,
      h: h + 1,
      stroke: frame.theme.line,
      width: 1,
    },
  ];
}

/** Outline of a whole row, at least 7 px high so that it never hides what it marks. */
export function rowOutline(zones: Zones, token: number, color: string, width = OUTLINE): Mark {
  const { x, w, cellH } = zones.matrix!;
  const h = Math.max(MIN_OUTLINE_HEIGHT, cellH + 1);
  const y = rowY(zones, token) - h / 2;
  return { kind: "rect", x: x - 1.5, y, w: w + 3, h, radius: 2.5, stroke: color, width };
}

export function columnOutline(zones: Zones, token: number, color: string, width: number): Mark {
  const { x, y, h, cellW } = zones.matrix!;
  const w = Math.max(MIN_OUTLINE_HEIGHT - 1, cellW + 1);
  const middle = x + (token + 0.5) * cellW;
  return {
    kind: "rect",
    x: middle - w / 2,
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
    // With a row selected the column only points out the cell; alone it is the selection.
    marks.push(
      rows.size > 0
        ? columnOutline(zones, token, theme.ink2, 1)
        : columnOutline(zones, token, theme.accent, OUTLINE),
    );
  }
  for (const token of rows) {
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

/** Mean of each column over the outputs; null where it says nothing or is not complete. */
export function columnMeans(matrix: MatrixView): Float64Array | null {
  if (matrix.method === "flow") return null;
  const { n, values } = matrix;
  const means = new Float64Array(n);
  for (let i = 0; i < values.length; i++) means[i % n]! += values[i]! / n;
  const largest = means.reduce((a, b) => Math.max(a, b), 0);
  const least = means.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  if (means.some(Number.isNaN) || largest - least < 1e-6) return null;
  return means;
}

export function layoutMargins(frame: Frame, zones: Zones): Mark[] {
  // Above that a single sink flattens the skyline of all others to a line.
  const means = frame.n > CELL_TOKENS ? null : columnMeans(frame.matrix!);
  if (means === null) return [];
  const { y, h } = zones.margins!;
  const { x, cellW } = zones.matrix!;
  const { theme, n } = frame;
  const largest = Math.max(...means);
  const gap = cellW >= 4 ? 1 : 0;
  const marks: Mark[] = [];
  for (let key = 0; key < n; key++) {
    marks.push({
      kind: "rect",
      x: x + key * cellW + gap,
      y,
      w: cellW - 2 * gap,
      h: Math.max(0.5, (h * means[key]!) / largest),
      fill: theme.ink3,
      crisp: true,
    });
  }
  if (zones.graph !== null) {
    marks.push({
      kind: "text",
      x: x - 10,
      y: y + 5,
      text: "mean over outputs",
      size: HEAD_SIZE,
      weight: WEIGHT.label,
      fill: theme.ink2,
      anchor: "end",
    });
  }
  return marks;
}
