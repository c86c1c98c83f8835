/** The matrix's scale in figures, what it shows and which way it is read. Pure. */
import { differenceOf } from "../compare";
import type { Frame } from "../frame";
import type { Mark } from "../scene";
import { differenceLegend } from "./difference";
import { HEAD_SIZE, type Measure, TICK_SIZE, WEIGHT } from "./text";
import type { Zones } from "./zones";

/** What the matrix shows, beside its scale. */
export function matrixTitle(frame: Frame): string {
  const matrix = frame.matrix!;
  if (matrix.method === "flow") return "greatest flow";
  if (matrix.method === "rollout") return "share of an output token, %";
  const { heads } = frame;
  const of = Array.isArray(heads)
    ? `heads ${heads.join(", ")}`
    : typeof heads === "number"
      ? `head ${heads}`
      : heads === "mean"
        ? "all heads"
        : `all heads, ${heads}`;
  return `attention of layer ${matrix.rowLevel}, ${of}, %`;
}

function tickText(value: number, flow: boolean): string {
  return String(Number((flow ? value : 100 * value).toPrecision(3)));
}

/** The scale with its title and its ticks 0, k/2, k and m, spaced as the colours are. */
export function layoutLegend(frame: Frame, zones: Zones, measure: Measure): Mark[] {
  const difference = differenceOf(frame);
  if (difference !== null) return differenceLegend(frame, difference, zones, measure);
  const { x, y, w, h } = zones.legend!;
  const { theme } = frame;
  const { scale, method } = frame.matrix!;
  const steps = 50;
  const marks: Mark[] = [];
  for (let i = 0; i < steps; i++) {
    marks.push({
      kind: "rect",
      x: x + (w * i) / steps,
      y,
      w: w / steps,
      h,
      fill: theme.seq((i + 0.5) / steps),
      crisp: true,
    });
  }
  const values = tickValues(frame);
  let right = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    const at = x + w * scale.t(value);
    const own = frame.scaleRows && value > 0;
    const text = own ? "the row’s largest" : tickText(value, method === "flow");
    const width = measure(text, TICK_SIZE, WEIGHT.label);
    const half = width / 2;
    // A long one ends with the scale.
    const middle = own ? at - half : at;
    marks.push({
      kind: "line",
      x0: at,
      y0: y + h,
      x1: at,
      y1: y + h + 3,
      width: 1,
      color: theme.ink3,
    });
    if (middle - half < right + 3) continue;
    right = middle + half;
    marks.push({
      kind: "text",
      x: middle,
      y: y + h + 10,
      text,
      size: TICK_SIZE,
      weight: WEIGHT.label,
      fill: theme.ink2,
      anchor: "middle",
    });
  }
  const words = (text: string, size: number, at: number) => {
    const fits = measure(text, size, WEIGHT.label) <= x - 10 - zones.padding;
    marks.push({
      kind: "text",
      x: fits ? x - 10 : zones.padding,
      // Too long to stand beside the scale: on a line of its own below it.
      y: fits ? at : y + h + 26,
      text,
      size,
      weight: WEIGHT.label,
      fill: theme.ink2,
      anchor: fits ? "end" : "start",
    });
  };
  words(matrixTitle(frame), HEAD_SIZE, y + h / 2);
  words(axisWords(frame), TICK_SIZE, y + h + 10);
  return marks;
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
  const name = (level: number) => (level === 0 ? "input" : `layer ${level}`);
  return `rows: queries, ${name(rowLevel)} · columns: keys, ${name(columnLevel)}`;
}
