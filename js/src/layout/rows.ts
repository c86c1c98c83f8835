/** Labels of the rows: inputs with figures and bars, outputs with the selection's pill. Pure. */
import { differenceOf } from "../compare";
import type { Frame } from "../frame";
import { isFlow } from "../model";
import { listOf } from "../numbers";
import { line, type Mark } from "../scene";
import { differenceAxis, differenceBar, differenceHead } from "./difference";
import {
  labelBox,
  labelMark,
  outputFigure,
  outputFigureX,
  pillMarks,
  type Side,
  selectedAt,
  shareMarks,
  shares,
} from "./labels";
import { spread } from "./spread";
import { HEAD_SIZE, type Label, type Measure, note, TICK_SIZE, WEIGHT } from "./text";
import { type Box, inView, rowY, viewed, type Zones } from "./zones";

/** Thinned inputs: at most this many, none under this share, this far apart. */
const THIN_LABELS = 11;
const THIN_SHARE = 0.0045;
const THIN_GAP = 15;

/** A label on the stage, kept for hit tests and the hover layer. */
export interface PlacedLabel {
  token: number;
  box: Box;
  anchor: "start" | "end";
  x: number;
  y: number;
}

export interface Rows {
  marks: Mark[];
  inputs: PlacedLabel[];
  outputs: PlacedLabel[];
}

function boxOf(zones: Zones, label: Label, x: number, y: number, anchor: "start" | "end"): Box {
  return labelBox(label, x, y, anchor, zones.thin ? THIN_GAP : zones.pitch);
}

/** Tokens whose labels stay when rows are too low for all: the selected, then the strongest. */
function thinned(side: Side, selected: ReadonlySet<number>): number[] {
  const values = shares(side.frame);
  const { rows } = side.zones;
  const size = (token: number) => Math.abs(values![token]!);
  const strongest =
    values === null || !side.figures
      ? []
      : Array.from(values, (_, token) => token)
          .filter((t) => size(t) >= THIN_SHARE && !selected.has(t) && inView(rows, t))
          .sort((a, b) => size(b) - size(a));
  const room = Math.floor((side.zones.bottom - side.zones.top) / THIN_GAP);
  const kept = [...[...selected].filter((token) => inView(rows, token)), ...strongest].slice(
    0,
    side.zones.zoomed ? room : Math.min(room, THIN_LABELS + selected.size),
  );
  return kept.sort((a, b) => a - b);
}

function leader(frame: Frame, xs: [number, number], y0: number, y1: number): Mark[] {
  const [from, to] = xs;
  const bend = (to - from) / 3;
  const { ink3 } = frame.theme;
  return [
    line(from, y0, from + bend, y0, ink3, 0.75),
    line(from + bend, y0, to - bend, y1, ink3, 0.75),
    line(to - bend, y1, to, y1, ink3, 0.75),
  ];
}

function thinPositions(zones: Zones, tokens: readonly number[]): number[] {
  return spread(
    tokens.map((token) => rowY(zones, token)),
    THIN_GAP,
    zones.top + 3,
    zones.bottom - 3,
  );
}

function rowsInView({ zones: { rows } }: Side): number[] {
  const { first, end } = viewed(rows);
  const all = listOf(end - first, (i) => first + i);
  return all.filter((token) => inView(rows, token));
}

function inputRows(side: Side): { marks: Mark[]; placed: PlacedLabel[] } {
  const { frame, zones, labels, measure } = side;
  const { theme, trace } = frame;
  const selected = selectedAt(frame, side.level);
  const difference = side.figures ? differenceOf(frame) : null;
  const axis = difference === null ? null : differenceAxis(difference, zones);
  const tokens = zones.thin ? thinned(side, selected) : rowsInView(side);
  const ys = zones.thin ? thinPositions(zones, tokens) : tokens.map((t) => rowY(zones, t));
  const marks: Mark[] = [];
  const placed: PlacedLabel[] = [];
  for (const [i, token] of tokens.entries()) {
    const y = ys[i]!;
    // A large disc pushes its label aside.
    const x = zones.inputs.right - (zones.thin ? 0 : Math.max(0, side.radius(token) - 6));
    if (difference !== null) {
      marks.push(...differenceBar(frame, difference, axis, zones, token, y));
    } else if (side.figures) marks.push(...shareMarks(side, token, y));
    if (zones.thin) {
      const to = zones.graph!.x0 - 4;
      const from = x + (selected.has(token) ? 8 : 4);
      marks.push(...leader(frame, [from, to], y, rowY(zones, token)));
    }
    marks.push(
      ...(selected.has(token)
        ? pillMarks(frame, labels[token]!, x, y, "end", zones.pitch)
        : [labelMark(side, token, x, y, "end")]),
    );
    placed.push({ token, box: boxOf(zones, labels[token]!, x, y, "end"), anchor: "end", x, y });
  }
  if (difference !== null) {
    if (difference.relevance !== null) {
      marks.push(...differenceHead(frame, axis, zones, difference.flow));
    }
  } else if (side.figures && trace !== null) {
    const flow = isFlow(trace);
    const bars = zones.bars.length > 0;
    const head = frame.even
      ? bars
        ? "times even"
        : "×"
      : flow
        ? bars
          ? "most it can draw"
          : "flow"
        : bars
          ? "share, %"
          : "%";
    // A head wider than its column grows to the left only as far as the stage goes.
    const right = Math.max(zones.bars.right, 4 + measure(head, HEAD_SIZE, WEIGHT.label));
    marks.push(note(theme, right, zones.headY, head, "end"));
  }
  return { marks, placed };
}

/** Every 16th index; every 64th above 160 tokens. */
export function indexStep(n: number): number {
  if (n <= 64) return 8;
  return n <= 160 ? 16 : n <= 1024 ? 64 : 256;
}

function outputRows(side: Side): { marks: Mark[]; placed: PlacedLabel[] } {
  const { frame, zones, labels } = side;
  const { theme, n } = frame;
  const selected = selectedAt(frame, side.level);
  const lone = zones.graph === null;
  const anchor = lone ? "end" : "start";
  const x = lone ? zones.outputs.right : zones.outputs.left;
  const marks: Mark[] = [];
  const placed: PlacedLabel[] = [];
  const place = (token: number, y: number) => {
    const box = boxOf(zones, labels[token]!, x, y, anchor);
    placed.push({ token, box, anchor, x, y });
  };
  if (!zones.thin) {
    for (const token of rowsInView(side)) {
      const y = rowY(zones, token);
      if (!selected.has(token)) marks.push(labelMark(side, token, x, y, anchor));
      if (side.figures) marks.push(...outputFigure(side, token, y));
      place(token, y);
    }
  }
  const kept = zones.thin
    ? thinned(side, selected)
    : [...selected].filter((token) => inView(zones.rows, token));
  const ys = zones.thin ? thinPositions(zones, kept) : kept.map((token) => rowY(zones, token));
  for (const [i, token] of kept.entries()) {
    const y = ys[i]!;
    if (zones.thin) {
      const from = rowY(zones, token);
      if (!lone && Math.abs(from - y) > 1) {
        marks.push(...leader(frame, [zones.graph!.x1 + 4, x - 9], from, y));
      }
      if (side.figures) marks.push(...outputFigure(side, token, y));
      place(token, y);
    }
    marks.push(
      ...(selected.has(token)
        ? pillMarks(frame, labels[token]!, x, y, anchor, zones.pitch)
        : zones.thin
          ? [labelMark(side, token, x, y, anchor)]
          : []),
    );
  }
  if (zones.thin && !side.figures) {
    const step = indexStep(zones.rows.to - zones.rows.from);
    for (let index = 0; index < n; index += step) {
      if (!inView(zones.rows, index)) continue;
      const y = rowY(zones, index);
      if (ys.some((taken) => Math.abs(taken - y) < 16)) continue;
      const tick = lone ? zones.outputs.right + 5 : zones.graph!.x1 + 6;
      const beside = lone ? zones.outputs.right : tick + 9;
      marks.push(
        line(tick, y, tick + 4, y, theme.ink3),
        note(theme, beside, y, String(index), anchor, { size: TICK_SIZE }),
      );
    }
  }
  if (side.figures && zones.graph !== null) {
    const unit = isFlow(frame.trace) ? "flow" : "%";
    marks.push(note(theme, outputFigureX(zones), zones.headY, unit, "end"));
  }
  return { marks, placed };
}

/** Both sides of the graph; a lone matrix has its outputs only. */
export function layoutRows(
  frame: Frame,
  zones: Zones,
  labels: { inputs: readonly Label[]; outputs: readonly Label[] },
  measure: Measure,
  levels: { first: number; count: number },
  radius: (level: number, token: number) => number,
): Rows {
  const up = (differenceOf(frame) ?? frame.trace)?.direction === "up";
  const common = { frame, zones, measure };
  const input =
    zones.graph === null
      ? { marks: [], placed: [] }
      : inputRows({
          ...common,
          labels: labels.inputs,
          level: levels.first,
          figures: !up,
          radius: (token) => radius(levels.first, token),
        });
  const top = levels.first + levels.count - 1;
  const level = zones.graph === null ? (frame.matrix?.rowLevel ?? top) : top;
  const output = outputRows({
    ...common,
    labels: labels.outputs,
    level,
    figures: up && zones.graph !== null,
    radius: (token) => radius(top, token),
  });
  return { marks: [...input.marks, ...output.marks], inputs: input.placed, outputs: output.placed };
}
