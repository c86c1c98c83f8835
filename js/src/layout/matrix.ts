/** The matrix: cells, the selected row and column, margins and legend. Pure. */
import type { Theme } from "../color";
import { differenceOf } from "../compare";
import type { Frame, MatrixView } from "../frame";
import { line, type Mark } from "../scene";
import { layCells, packedColors } from "./cells";
import { differenceCells } from "./difference";
import { selectedAt } from "./labels";
import type { Label } from "./text";
import { columnX, inView, rowY, type Zones } from "./zones";

const OUTLINE = 1.75;
const MIN_OUTLINE_HEIGHT = 7;

/** The matrix as pixels, one a cell. NaN cells, still being computed, are a quiet hatch. */
export function matrixPixels(matrix: MatrixView, theme: Theme, words: Uint32Array): void {
  const { n, values } = matrix;
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
}

/** Cells alone, without anything that moves with a selection. */
export function layoutCells(frame: Frame, zones: Zones): Mark[] {
  const difference = differenceOf(frame);
  const { theme } = frame;
  if (difference !== null) return differenceCells(theme, difference, zones);
  const matrix = frame.matrix!;
  return layCells(zones, theme, matrix, matrixPixels, (value, query) =>
    theme.seq(matrix.scaleOf(query).t(value)),
  );
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
  const x = columnX(zones, token) - w / 2;
  return { kind: "rect", x, y: y - 1, w, h: h + 2, radius: 2.5, stroke: color, width };
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
    const [color, width] = rows.size > 0 ? [theme.ink2, 1] : [theme.accent, OUTLINE];
    marks.push(columnOutline(zones, token, color, width));
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
      if (x1 > x0) marks.push(line(x0, y, x1, y, theme.accent, 1.25));
    }
    marks.push(rowOutline(zones, token, theme.accent));
  }
  return marks;
}
