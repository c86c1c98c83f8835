/** One label of a row, with its pill, its figure and its bar. Pure. */
import { differenceOf, signed, standsOut } from "../compare";
import type { Frame } from "../frame";
import { isFlow } from "../model";
import { largest } from "../numbers";
import { type Mark, rect, type Text } from "../scene";
import { isMean, isPair } from "../trace";
import { figure, type Label, type Measure, note, STRONG_SHARE, STRONG_TIMES, WEIGHT } from "./text";
import type { Box, Zones } from "./zones";

const BAR_HEIGHT = 7;

/** Selected tokens at one level. */
export function selectedAt(frame: Frame, level: number): Set<number> {
  return new Set(frame.selected.filter(([l]) => l === level).map(([, token]) => token));
}

/** Share of each token, or null while there is none to show. */
export function shares(frame: Frame): Float64Array | null {
  const difference = differenceOf(frame);
  return difference === null ? (frame.trace?.relevance ?? null) : difference.relevance;
}

/** One side of the graph: all that its labels depend on. */
export interface Side {
  frame: Frame;
  zones: Zones;
  labels: readonly Label[];
  measure: Measure;
  /** The level this side stands for. */
  level: number;
  /** Whether this side carries the figures. */
  figures: boolean;
  /** Radius of a token's disc at this level. */
  radius(token: number): number;
}

export function isStrong(side: Side, token: number): boolean {
  const values = shares(side.frame);
  // A flow of 4 % is nothing: nearly every input could give that much.
  if (differenceOf(side.frame) === null && isFlow(side.frame.trace)) return false;
  if (!side.figures || values === null) return false;
  const difference = differenceOf(side.frame);
  if (difference !== null) return standsOut(difference, values[token]!);
  return values[token]! >= (side.frame.even ? STRONG_TIMES : STRONG_SHARE);
}

type Anchor = "start" | "end";

/** The room of a label, `h` px high: it reaches over its text on both sides. */
export function labelBox(label: Label, x: number, y: number, anchor: Anchor, h: number): Box {
  const left = anchor === "start" ? x : x - label.width;
  return { x: left - 8, y: y - h / 2, w: label.width + 16, h };
}

export function labelText(
  { text, size }: Label,
  x: number,
  y: number,
  anchor: Anchor,
  weight: number,
  fill: string,
): Text {
  return { kind: "text", x, y, text, size, weight, fill, anchor };
}

export function labelMark(
  side: Side,
  token: number,
  x: number,
  y: number,
  anchor: "start" | "end",
): Mark {
  const { frame, labels } = side;
  const { trace, theme } = frame;
  const strong = isStrong(side, token);
  const everyOutput = trace !== null && isMean(trace);
  const plain = everyOutput && !side.figures ? theme.ink : theme.ink2;
  const weight = strong ? WEIGHT.strong : WEIGHT.label;
  return labelText(labels[token]!, x, y, anchor, weight, strong ? theme.ink : plain);
}

/** The filled pill of a selected token, its text in the place of the label's. */
export function pillMarks(
  frame: Frame,
  label: Label,
  x: number,
  y: number,
  anchor: "start" | "end",
  pitch: number,
): Mark[] {
  const h = Math.min(22, Math.max(18, pitch - 1));
  // On the input side the pill ends where labels end, clear of the disc.
  const end = anchor === "start" ? x : x - 5;
  const { pill, onPill } = frame.theme;
  return [
    rect(labelBox(label, end, y, anchor, h), { radius: 4, fill: pill }),
    labelText(label, end, y, anchor, WEIGHT.selected, onPill),
  ];
}

/** Figure and bar of one input; without room for bars the figure alone. */
export function shareMarks(side: Side, token: number, y: number): Mark[] {
  const { frame, zones } = side;
  const { theme, trace, matrix } = frame;
  const values = shares(frame);
  if (values === null || trace === null) return [];
  const value = values[token]!;
  const { right, length } = zones.bars;
  const h = Math.min(BAR_HEIGHT, zones.thin ? BAR_HEIGHT : zones.pitch * 0.36);
  if (Number.isNaN(value)) {
    const w = length > 0 ? length / 2 : 14;
    return [{ kind: "rect", x: right - w, y: y - h / 2, w, h, fill: theme.hair }];
  }
  const flow = isFlow(trace);
  const pair = isPair(trace);
  const picked = trace.sinks?.includes(token) === true;
  const most = largest(values);
  const w = most > 0 ? (length * value) / most : 0;
  const strong = pair ? picked : value >= (frame.even ? STRONG_TIMES : STRONG_SHARE) && !flow;
  const t = matrix === null ? value / (most || 1) : matrix.scale.t(value);
  const marks: Mark[] = [];
  if (w > 0) {
    marks.push({
      kind: "rect",
      x: right - Math.max(1, w),
      y: y - h / 2,
      w: Math.max(1, w),
      h,
      fill: flow && pair && !picked ? theme.line : theme.seq(0.25 + 0.75 * t),
    });
  }
  const x = right - (length > 0 ? Math.max(1, w) + 5 : 0);
  marks.push(note(theme, x, y, figure(value, flow || frame.even), "end", { strong }));
  return marks;
}

export function outputFigureX(zones: Zones): number {
  return zones.outputs.left + zones.outputs.width + 34;
}

export function outputFigure(side: Side, token: number, y: number): Mark[] {
  const { frame, zones } = side;
  const value = shares(frame)?.[token];
  if (value === undefined || Number.isNaN(value) || zones.graph === null) return [];
  const strong = isStrong(side, token);
  const difference = differenceOf(frame);
  const text =
    difference === null
      ? figure(value, frame.even || isFlow(frame.trace))
      : signed(value, difference.flow);
  return [note(frame.theme, outputFigureX(zones), y, text, "end", { strong })];
}
