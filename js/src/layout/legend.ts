/** The matrix's scale in figures, what it shows and which way it is read. Pure. */
import { type Difference, differenceOf, MINUS } from "../compare";
import { inBlocks, layerName } from "../format";
import type { Frame } from "../frame";
import { isFlow } from "../model";
import { listOf } from "../numbers";
import { line, type Mark, swatch } from "../scene";
import { HEAD_SIZE, type Measure, note, TICK_SIZE, WEIGHT } from "./text";
import type { Zones } from "./zones";

/** What the matrix shows, beside its scale. */
export function matrixTitle(frame: Frame): string {
  const matrix = frame.matrix!;
  if (frame.even) return "times what even attention gives";
  if (isFlow(matrix)) return "greatest flow";
  if (matrix.method === "rollout") return "share of an output token, %";
  const { heads } = frame;
  const of = Array.isArray(heads)
    ? `heads ${heads.join(", ")}`
    : typeof heads === "number"
      ? `head ${heads}`
      : heads === "mean"
        ? "all heads"
        : `all heads, ${heads}`;
  return inBlocks(`attention of layer ${matrix.rowLevel}, ${of}, %`, frame.blocks);
}

/** The scale with its title and its ticks, spaced as the colours are. */
export function layoutLegend(frame: Frame, zones: Zones, measure: Measure): Mark[] {
  const { x, y, w, h } = zones.legend!;
  const { theme } = frame;
  const difference = differenceOf(frame);
  const steps = 50;
  const marks: Mark[] = listOf(steps, (i) => {
    const t = (i + 0.5) / steps;
    const color = difference === null ? theme.seq(t) : theme.div(2 * t - 1);
    return swatch(x + (w * i) / steps, y, w / steps, h, color);
  });
  let right = Number.NEGATIVE_INFINITY;
  for (const { t, text, ends } of difference === null ? ticks(frame) : signedTicks(difference)) {
    const at = x + w * t;
    marks.push(line(at, y + h, at, y + h + 3, theme.ink3));
    const half = measure(text, TICK_SIZE, WEIGHT.label) / 2;
    // A long one ends with the scale, and the last figure of a difference on the stage.
    const last = difference === null ? at : zones.width - 2 - half;
    const middle = ends ? at - half : Math.min(at, last);
    if (middle - half < right + 3) continue;
    right = middle + half;
    marks.push(note(theme, middle, y + h + 10, text, "middle", { size: TICK_SIZE }));
  }
  const words = (text: string, size: number, at: number) => {
    const fits = measure(text, size, WEIGHT.label) <= x - 10 - zones.padding;
    marks.push(
      fits
        ? note(theme, x - 10, at, text, "end", { size })
        : // Too long to stand beside the scale: on a line of its own below it.
          note(theme, zones.padding, y + h + 26, text, "start", { size }),
    );
  };
  words(legendTitle(frame), HEAD_SIZE, y + h / 2);
  if (difference === null) words(axisWords(frame), TICK_SIZE, y + h + 10);
  return marks;
}

interface Tick {
  /** Its place on the scale, 0 to 1. */
  t: number;
  text: string;
  /** Whether the text ends at its tick instead of standing under it. */
  ends: boolean;
}

function tickText(value: number, flow: boolean): string {
  return String(Number((flow ? value : 100 * value).toPrecision(3)));
}

/** 0, k/2, k and m. */
function ticks(frame: Frame): Tick[] {
  const { scale, method } = frame.matrix!;
  return tickValues(frame).map((value) => {
    const ends = frame.scaleRows && value > 0;
    const text = ends ? "the row’s largest" : tickText(value, frame.even || method === "flow");
    return { t: scale.t(value), text, ends };
  });
}

/** The middle at no difference; ≤ and ≥ where cells lie beyond the scale. */
function signedTicks({ half, flow, below, above }: Difference): Tick[] {
  return [-1, -0.5, 0, 0.5, 1].map((part) => {
    const beyond =
      part === -1 && below ? "\u2264\u2009" : part === 1 && above ? "\u2265\u2009" : "";
    const sign = part === 0 ? "" : part < 0 ? MINUS : "+";
    const text = `${beyond}${sign}${tickText(Math.abs(part) * half, flow)}`;
    return { t: (part + 1) / 2, text, ends: false };
  });
}

function legendTitle(frame: Frame): string {
  const difference = differenceOf(frame);
  if (difference === null) return matrixTitle(frame);
  return `A ${MINUS} B, ${difference.flow ? "flow" : "points"}`;
}

/** Where the words beside the scale begin. */
export function legendLeft(frame: Frame, zones: Zones, measure: Measure): number {
  if (zones.legend === null || frame.matrix === null) return zones.width - zones.padding;
  const title = measure(matrixTitle(frame), HEAD_SIZE, WEIGHT.label);
  const axes = measure(axisWords(frame), TICK_SIZE, WEIGHT.label);
  return zones.legend.x - 10 - Math.max(title, axes);
}

/** Where the scale has its figures, spaced so that the colours between them can be read. */
function tickValues({ colorScale, scaleRows, matrix }: Frame): number[] {
  const { knee, max } = matrix!.scale;
  if (scaleRows) return [0, max];
  switch (colorScale) {
    case "sqrt":
      return [0, max / 16, max / 4, max];
    case "log":
      return [0, max / 100, max / 10, max];
    default:
      return max > knee ? [0, knee / 2, knee, max] : [0, max / 2, max];
  }
}

/** Which way the matrix is read. */
export function axisWords(frame: Frame): string {
  if (frame.scaleRows) return "each row on its own scale";
  const { rowLevel, columnLevel } = frame.matrix!;
  const words = `rows: queries, ${layerName(rowLevel)} · columns: keys, ${layerName(columnLevel)}`;
  return inBlocks(words, frame.blocks);
}
