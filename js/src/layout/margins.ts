/** Means of the rows and columns at the matrix's edges. Pure. */
import { differenceOf } from "../compare";
import type { Frame, MatrixView } from "../frame";
import type { Mark } from "../scene";
import { differenceMargins } from "./difference";
import { HEAD_SIZE, WEIGHT } from "./text";
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
  let [least, most] = [Number.POSITIVE_INFINITY, 0];
  for (const mean of means) {
    if (Number.isNaN(mean)) return null;
    if (mean < least) least = mean;
    if (mean > most) most = mean;
  }
  return most - least < 1e-6 ? null : means;
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

export function layoutMargins(frame: Frame, zones: Zones): Mark[] {
  const difference = differenceOf(frame);
  if (difference !== null) return differenceMargins(frame, difference, zones);
  if (zones.columns.to - zones.columns.from > MOST || zones.margins === null) return [];
  const { theme, matrix } = frame;
  const { y, h } = zones.margins;
  const { x, w, cellW, cellH } = zones.matrix!;
  const marks: Mark[] = [];
  const columns = columnMeans(matrix!);
  if (columns !== null) {
    const gap = cellW >= 4 ? 1 : 0;
    const { first, end } = viewed(zones.columns);
    const largest = columns.subarray(first, end).reduce((a, b) => Math.max(a, b), 0);
    for (let key = first; key < end; key++) {
      const left = Math.max(x, columnX(zones, key) - cellW / 2 + gap);
      const right = Math.min(x + w, columnX(zones, key) + cellW / 2 - gap);
      if (right <= left) continue;
      marks.push({
        kind: "rect",
        x: left,
        y,
        w: right - left,
        h: Math.max(0.5, (h * columns[key]!) / largest),
        fill: theme.ink3,
        crisp: true,
      });
    }
    if (zones.graph !== null) {
      marks.push({
        kind: "text",
        x: x - 10,
        // Beside the sums of a cut there is room for one word.
        y: zones.sumsY === null ? y + 5 : y + 13,
        text: zones.sumsY === null ? "mean over outputs" : "mean",
        size: HEAD_SIZE,
        weight: WEIGHT.label,
        fill: theme.ink2,
        anchor: "end",
      });
    }
  }
  const rows = rowMeans(matrix!);
  if (rows !== null) {
    const { first, end } = viewed(zones.rows);
    const largest = rows.subarray(first, end).reduce((a, b) => Math.max(a, b), 0);
    const gap = cellH >= 4 ? 1 : 0;
    for (let query = first; query < end; query++) {
      const top = Math.max(zones.top, rowY(zones, query) - cellH / 2 + gap);
      const bottom = Math.min(zones.bottom, rowY(zones, query) + cellH / 2 - gap);
      if (bottom <= top) continue;
      marks.push({
        kind: "rect",
        x: x + w + ROW_GAP,
        y: top,
        w: Math.max(0.5, (ROW_LENGTH * rows[query]!) / largest),
        h: bottom - top,
        fill: theme.ink3,
        crisp: true,
      });
    }
  }
  return marks;
}
