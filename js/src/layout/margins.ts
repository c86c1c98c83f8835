/** Means of the rows and columns at the matrix's edges. Pure. */
import { differenceOf } from "../compare";
import type { Frame, MatrixView } from "../frame";
import { largest } from "../numbers";
import { type Mark, swatch } from "../scene";
import { differenceInk } from "./difference";
import { note } from "./text";
import { columnX, rowY, viewed, type Zones } from "./zones";

/** Longest bar at the right; the stage's own margin is all the room there is. */
const ROW_LENGTH = 9;
const ROW_GAP = 4;
/** With more columns in view a single sink flattens the skyline of all others to a line. */
const MOST = 64;

interface Means {
  rows: Float64Array | null;
  columns: Float64Array | null;
}

const known = new WeakMap<MatrixView, Means>();

/** Null where means are all alike, and so say nothing, or are not complete. */
function telling(means: Float64Array): Float64Array | null {
  if (means.some(Number.isNaN)) return null;
  return Math.max(...means) - Math.min(...means) < 1e-6 ? null : means;
}

function meansOf(matrix: MatrixView): Means {
  const found = known.get(matrix);
  if (found !== undefined) return found;
  const { n, values } = matrix;
  const rows = new Float64Array(n);
  const columns = new Float64Array(n);
  for (let query = 0; query < n; query++) {
    for (let key = 0; key < n; key++) {
      const value = values[query * n + key]! / n;
      rows[query]! += value;
      columns[key]! += value;
    }
  }
  const means = { rows: telling(rows), columns: telling(columns) };
  known.set(matrix, means);
  return means;
}

/** Mean of each column over the outputs; null where it says nothing or is not complete. */
export function columnMeans(matrix: MatrixView): Float64Array | null {
  return meansOf(matrix).columns;
}

/** Mean of each row: always the same for shares, whose rows sum to 1, but not for flow. */
export function rowMeans(matrix: MatrixView): Float64Array | null {
  return meansOf(matrix).rows;
}

/** Columns hang from a line under the matrix, rows stand at its right. */
export function layoutMargins(frame: Frame, zones: Zones): Mark[] {
  if (zones.columns.to - zones.columns.from > MOST || zones.margins === null) return [];
  const { theme, matrix } = frame;
  const difference = differenceOf(frame);
  const { y, h } = zones.margins;
  const { x, w, cellW, cellH } = zones.matrix!;
  const marks: Mark[] = [];
  const columns = difference === null ? columnMeans(matrix!) : difference.columnMeans;
  if (columns !== null) {
    const gap = cellW >= 4 ? 1 : 0;
    for (const [key, length] of lengths(columns, zones.columns, h)) {
      const left = Math.max(x, columnX(zones, key) - cellW / 2 + gap);
      const right = Math.min(x + w, columnX(zones, key) + cellW / 2 - gap);
      const color =
        difference === null ? theme.ink3 : differenceInk(theme, difference, columns[key]!);
      if (right > left) marks.push(swatch(left, y, right - left, length, color));
    }
    if (zones.graph !== null) {
      // Beside the sums of a cut there is room for one word.
      const [text, down] = zones.sumsY === null ? ["mean over outputs", 5] : ["mean", 13];
      const words = difference === null ? text : "mean difference";
      marks.push(note(theme, x - 10, y + down, words, "end"));
    }
  }
  // Sums of shares are all 1, and those of multiples say nothing.
  const rows = difference === null && !frame.even ? rowMeans(matrix!) : null;
  if (rows !== null) {
    const gap = cellH >= 4 ? 1 : 0;
    for (const [query, length] of lengths(rows, zones.rows, ROW_LENGTH)) {
      const top = Math.max(zones.top, rowY(zones, query) - cellH / 2 + gap);
      const bottom = Math.min(zones.bottom, rowY(zones, query) + cellH / 2 - gap);
      const left = x + w + ROW_GAP;
      if (bottom > top) marks.push(swatch(left, top, length, bottom - top, theme.ink3));
    }
  }
  return marks;
}

/** A bar for each mean in view; the largest is `longest`. */
function lengths(means: Float64Array, view: Zones["rows"], longest: number): [number, number][] {
  const { first, end } = viewed(view);
  const sizes = means.subarray(first, end).map(Math.abs);
  const most = largest(sizes);
  return Array.from(sizes, (size, i) => [first + i, Math.max(0.5, (longest * size) / (most || 1))]);
}
