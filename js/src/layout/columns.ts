/** Leaning labels above the matrix's columns. Pure. */
import type { Frame } from "../frame";
import type { Mark } from "../scene";
import { selectedAt, shares } from "./labels";
import { indexStep } from "./rows";
import { keepApart, spread } from "./spread";
import { type Label, type Measure, STRONG_SHARE, tokenLabels, WEIGHT } from "./text";
import { COLUMN_ANGLE, COLUMN_LEAN, THIN_COLUMN_WIDTH, type Zones } from "./zones";

/** Thinned labels stand at least this far apart. */
const LABEL_GAP = 18;
const THIN_LABELS = 6;
const TICK = 3;
const LEADER = 7;

export interface PlacedColumn {
  token: number;
  /** Where the label begins; it leans to the upper right from there. */
  x: number;
  y: number;
  width: number;
}

export interface Columns {
  marks: Mark[];
  placed: PlacedColumn[];
}

/** Middle of a column. */
export function columnX(zones: Zones, token: number): number {
  return zones.matrix!.x + (token + 0.5) * zones.matrix!.cellW;
}

function columnMark(frame: Frame, label: Label, at: PlacedColumn, strong: boolean): Mark {
  return {
    kind: "text",
    x: at.x,
    y: at.y,
    text: label.text,
    size: label.size,
    weight: strong ? WEIGHT.strong : WEIGHT.label,
    fill: strong ? frame.theme.ink : frame.theme.ink2,
    anchor: "start",
    rotate: -COLUMN_ANGLE,
  };
}

/** Strongest columns first: the selected, then by the trace's shares, else by the column's mean. */
function byStrength(frame: Frame, selected: ReadonlySet<number>): number[] {
  const matrix = frame.matrix!;
  const { n } = matrix;
  const down = frame.trace?.direction === "down" ? shares(frame) : null;
  const strength = new Float64Array(n);
  for (let key = 0; key < n; key++) {
    if (down !== null) strength[key] = down[key]! || 0;
    else for (let q = 0; q < n; q++) strength[key]! += matrix.values[q * n + key]! || 0;
    if (selected.has(key)) strength[key] = Number.POSITIVE_INFINITY;
  }
  return Array.from(strength, (_, token) => token).sort((a, b) => strength[b]! - strength[a]!);
}

export function layoutColumns(
  frame: Frame,
  zones: Zones,
  given: readonly Label[],
  measure: Measure,
): Columns {
  const labels = zones.thinColumns ? tokenLabels(frame.tokens, measure, THIN_COLUMN_WIDTH) : given;
  const matrix = zones.matrix!;
  const { n, theme } = frame;
  const selected = selectedAt(frame, frame.matrix!.columnLevel);
  const values = frame.trace?.direction === "down" ? shares(frame) : null;
  const flow = frame.trace?.method === "flow";
  const isStrong = (token: number) =>
    selected.has(token) || (!flow && values !== null && values[token]! >= STRONG_SHARE);
  const marks: Mark[] = [];
  const placed: PlacedColumn[] = [];
  if (!zones.thinColumns) {
    for (let token = 0; token < n; token++) {
      const at = {
        token,
        x: columnX(zones, token) - 1,
        y: matrix.y - 8,
        width: labels[token]!.width,
      };
      marks.push(columnMark(frame, labels[token]!, at, isStrong(token)));
      placed.push(at);
    }
    return { marks, placed };
  }
  const order = byStrength(frame, selected);
  const gap = zones.thin ? 5 : LABEL_GAP;
  const kept = keepApart(order, (token) => columnX(zones, token), gap, THIN_LABELS);
  const widest = kept.reduce((most, token) => Math.max(most, labels[token]!.width), 0);
  const xs = spread(
    kept.map((token) => columnX(zones, token)),
    LABEL_GAP,
    matrix.x,
    // The last label leans to the right, and must end on the stage.
    Math.min(matrix.x + matrix.w, zones.width - 4 - widest * COLUMN_LEAN),
  );
  const step = indexStep(n);
  for (let index = 0; index < n; index += step) {
    const x = columnX(zones, index);
    const y = matrix.y - 1;
    marks.push({ kind: "line", x0: x, y0: y - TICK, x1: x, y1: y, width: 1, color: theme.ink3 });
  }
  for (const [i, token] of kept.entries()) {
    const x = columnX(zones, token);
    const line = { kind: "line" as const, width: 0.75, color: theme.ink3 };
    const y = matrix.y - 1;
    marks.push({ ...line, x0: x, y0: y, x1: x, y1: y - TICK });
    marks.push({ ...line, x0: x, y0: y - TICK, x1: xs[i]!, y1: y - LEADER });
    const at = { token, x: xs[i]! + 3, y: y - LEADER - 6, width: labels[token]!.width };
    marks.push(columnMark(frame, labels[token]!, at, true));
    placed.push(at);
  }
  return { marks, placed };
}
