/** Leaning labels above the matrix's columns. Pure. */
import { differenceOf, standsOut } from "../compare";
import type { Frame } from "../frame";
import { isFlow } from "../model";
import { largest } from "../numbers";
import { line, type Mark } from "../scene";
import { isDown } from "../trace";
import { selectedAt, shares } from "./labels";
import { indexStep } from "./rows";
import { keepApart, spread } from "./spread";
import {
  fitText,
  type Label,
  MAX_LABEL_WIDTH,
  type Measure,
  note,
  STRONG_SHARE,
  STRONG_TIMES,
  tokenLabels,
  WEIGHT,
} from "./text";
import { COLUMN_ANGLE, COLUMN_LEAN, columnX, inView, type Zones } from "./zones";

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

function columnMark(frame: Frame, label: Label, at: PlacedColumn, strong: boolean): Mark {
  const { text, size } = label;
  const mark = note(frame.theme, at.x, at.y, text, "start", { size });
  const stands = strong ? { weight: WEIGHT.strong, fill: frame.theme.ink } : {};
  return { ...mark, ...stands, rotate: -COLUMN_ANGLE };
}

function fitted(label: Label, room: number, measure: Measure): Label {
  if (label.width <= room) return label;
  const text = fitText(label.text, label.size, WEIGHT.selected, room, measure);
  return { ...label, text, width: measure(text, label.size, WEIGHT.selected) };
}

/** Strongest columns first: the selected, then by the trace's shares, else by the column's mean. */
function byStrength(frame: Frame, selected: ReadonlySet<number>): number[] {
  const matrix = frame.matrix!;
  const { n } = matrix;
  const down = isDown(frame.trace) ? shares(frame) : null;
  const strength = new Float64Array(n);
  for (let key = 0; key < n; key++) {
    if (down !== null) strength[key] = Math.abs(down[key]!) || 0;
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
  const labels =
    zones.thinColumns || zones.columnLabel < MAX_LABEL_WIDTH
      ? tokenLabels(frame.tokens, measure, zones.columnLabel)
      : given;
  const matrix = zones.matrix!;
  const { n, theme } = frame;
  const selected = selectedAt(frame, frame.matrix!.columnLevel);
  const values = isDown(frame.trace) ? shares(frame) : null;
  const flow = isFlow(frame.trace);
  const difference = differenceOf(frame);
  const isStrong = (token: number) =>
    selected.has(token) ||
    (difference !== null && standsOut(difference, difference.relevance?.[token] ?? 0)) ||
    (difference === null &&
      !flow &&
      values !== null &&
      values[token]! >= (frame.even ? STRONG_TIMES : STRONG_SHARE));
  const marks: Mark[] = [];
  const placed: PlacedColumn[] = [];
  if (!zones.thinColumns) {
    for (let token = 0; token < n; token++) {
      if (!inView(zones.columns, token)) continue;
      const x = columnX(zones, token) - 1;
      // Zoomed columns may lean over the edge of the stage: their labels are cut to fit.
      const room = zones.zoomed ? (zones.width - 2 - x) / COLUMN_LEAN - 6 : Infinity;
      const label = fitted(labels[token]!, room, measure);
      const at = { token, x, y: matrix.y - 8, width: label.width };
      marks.push(columnMark(frame, label, at, isStrong(token)));
      placed.push(at);
    }
    return { marks, placed };
  }
  const order = byStrength(frame, selected).filter((token) => inView(zones.columns, token));
  const gap = zones.thin ? 5 : LABEL_GAP;
  const kept = keepApart(order, (token) => columnX(zones, token), gap, THIN_LABELS);
  const widest = largest(kept.map((token) => labels[token]!.width));
  const xs = spread(
    kept.map((token) => columnX(zones, token)),
    LABEL_GAP,
    matrix.x,
    // The last label leans to the right, and must end on the stage.
    Math.min(matrix.x + matrix.w, zones.width - (zones.zoomed ? 14 : 4) - widest * COLUMN_LEAN),
  );
  const step = indexStep(zones.columns.to - zones.columns.from);
  for (let index = 0; index < n; index += step) {
    if (!inView(zones.columns, index)) continue;
    const x = columnX(zones, index);
    const y = matrix.y - 1;
    marks.push(line(x, y - TICK, x, y, theme.ink3));
  }
  for (const [i, token] of kept.entries()) {
    const x = columnX(zones, token);
    const y = matrix.y - 1;
    marks.push(
      line(x, y, x, y - TICK, theme.ink3, 0.75),
      line(x, y - TICK, xs[i]!, y - LEADER, theme.ink3, 0.75),
    );
    const at = { token, x: xs[i]! + 3, y: y - LEADER - 6, width: labels[token]!.width };
    marks.push(columnMark(frame, labels[token]!, at, true));
    placed.push(at);
  }
  return { marks, placed };
}
