/** The minimum cut of a flow: bars across its edges, sums below, and the words for them. Pure. */
import type { Frame } from "../frame";
import { sum } from "../numbers";
import { line, type Mark } from "../scene";
import type { Trace } from "../trace";
import type { DrawnEdge } from "./edges";
import { HEAD_SIZE, type Measure, note, WEIGHT } from "./text";
import { levelX, type Zones } from "./zones";

/** Edges that carry less of the flow than this are coloured but get no bar. */
const BAR_SHARE = 0.01;
const PAPER_AROUND = 2.5;

/** Capacity of the cut in each block of the trace, lowest first. */
export function cutSums(trace: Trace): number[] {
  const sums = trace.blocks.map(() => 0);
  for (const cut of trace.flow?.cut ?? []) sums[cut.block - trace.start]! += cut.capacity;
  return sums;
}

/** Round to `digits` so that the printed parts still add up to the printed total. */
export function roundedParts(parts: readonly number[], total: number, digits: number): number[] {
  const scale = 10 ** digits;
  const floors = parts.map((part) => Math.floor(part * scale + 1e-9));
  let missing = Math.round(total * scale) - sum(floors);
  const order = parts
    .map((part, i) => ({ i, rest: part * scale - floors[i]! }))
    .filter(({ i }) => parts[i]! > 0)
    .sort((a, b) => b.rest - a.rest);
  for (const { i } of order) {
    if (missing <= 0) break;
    floors[i]!++;
    missing--;
  }
  return floors.map((value) => value / scale);
}

/** A bar across the middle of each cut edge, with a rim of paper. */
export function layoutCutBars(
  frame: Frame,
  trace: Trace,
  edges: readonly (readonly DrawnEdge[])[],
): Mark[] {
  const { theme } = frame;
  const marks: Mark[] = [];
  const least = BAR_SHARE * (trace.flow?.value ?? 0);
  for (const edge of edges.flat()) {
    if (!edge.cut || edge.value < least) continue;
    const { x0, y0, x1, y1, width } = edge.curve;
    // Half way the curve is steepest: its tangent there is (dx, 2 dy).
    const length = Math.hypot(x1 - x0, 2 * (y1 - y0)) || 1;
    const half = Math.max(10, width + 10) / 2;
    const nx = (-2 * (y1 - y0) * half) / length;
    const ny = ((x1 - x0) * half) / length;
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2];
    const thick = width > 4 ? 3.25 : 2;
    const bar = (color: string, wide: number) => line(x - nx, y - ny, x + nx, y + ny, color, wide);
    marks.push(bar(theme.paper, thick + 2 * PAPER_AROUND), bar(theme.cut, thick));
  }
  return marks;
}

/** A dashed line in each block that the cut passes, down to its sum. */
export function layoutCutLines(
  frame: Frame,
  trace: Trace,
  zones: Zones,
  first: number,
  count: number,
): Mark[] {
  return cutSums(trace).flatMap((sum, index): Mark[] => {
    if (sum <= 0) return [];
    const at = trace.start - first + index;
    const x = (levelX(zones, at, count) + levelX(zones, at + 1, count)) / 2;
    return [
      {
        ...line(x, zones.top - 6, x, zones.sumsY! - 10, frame.theme.cut),
        opacity: 0.55,
        dash: [2, 4],
      },
    ];
  });
}

/** "through the cut 0.099 + 0.011 = 0.110" along the foot of the graph. */
export function layoutCutSums(
  frame: Frame,
  trace: Trace,
  zones: Zones,
  first: number,
  count: number,
  measure: Measure,
): Mark[] {
  const { theme } = frame;
  const y = zones.sumsY!;
  const sums = cutSums(trace);
  const value = trace.flow!.value;
  const printed = roundedParts(sums, value, 3);
  const text = (x: number, content: string, fill: string, weight: number): Mark => ({
    kind: "text",
    x,
    y,
    text: content,
    size: HEAD_SIZE,
    weight,
    fill,
    anchor: "middle",
  });
  const width = (content: string) => measure(content, HEAD_SIZE, WEIGHT.selected);
  const at = (index: number) => levelX(zones, trace.start - first + index, count);
  const middle = (index: number) => (at(index) + at(index + 1)) / 2;
  const figureWidth = width("0.000");
  const roomy = at(1) - at(0) >= figureWidth + 20;
  const end = `= ${value.toFixed(3)}`;
  const last = middle(sums.length - 1) + figureWidth / 2 + 8 + width(end) / 2;
  const marks: Mark[] = [text(Math.max(at(sums.length), last), end, theme.ink, WEIGHT.selected)];
  let right = Number.NEGATIVE_INFINITY;
  for (const [index, sum] of printed.entries()) {
    const x = middle(index);
    if (roomy) {
      const quiet = sums[index]! <= 0;
      const content = quiet ? "0" : sum.toFixed(3);
      marks.push(
        text(x, content, quiet ? theme.ink2 : theme.cut, quiet ? WEIGHT.label : WEIGHT.selected),
      );
      if (index > 0) marks.push(text(at(index), "+", theme.ink2, WEIGHT.label));
    } else if (sums[index]! > 0 && x - figureWidth / 2 > right) {
      marks.push(text(x, sum.toFixed(3), theme.cut, WEIGHT.selected));
      right = x + figureWidth / 2 + 6;
    }
  }
  const left = Math.min(zones.inputs.right, at(0) - 12);
  marks.push({ ...note(theme, left, y, "through the cut", "end"), fill: theme.cut });
  return marks;
}

const LEGEND_WORDS = ["full edge of the cut", "can pass on more", "beyond the cut"] as const;

/** What bars, full and hollow discs mean; `until` is where the scale's own words begin. */
export function layoutCutLegend(
  frame: Frame,
  zones: Zones,
  measure: Measure,
  graphLeft: number,
  until: number,
): Mark[] {
  const { theme } = frame;
  const words = sum(LEGEND_WORDS, (text) => measure(text, 12, WEIGHT.label) + 18);
  const left = graphLeft + 62 + words <= until ? graphLeft : zones.padding;
  const y = zones.sumsY! + 19;
  const marks: Mark[] = [];
  let x = left;
  const say = (content: string) => {
    marks.push(note(theme, x, y, content, "start", { size: 12 }));
    x += measure(content, 12, WEIGHT.label) + 18;
  };
  marks.push(
    line(x, y, x + 24, y, theme.cut, 2.5),
    line(x + 12, y - 6, x + 12, y + 6, theme.paper, 6),
    line(x + 12, y - 6, x + 12, y + 6, theme.cut, 2),
  );
  x += 32;
  say(LEGEND_WORDS[0]);
  const full = theme.seq(theme.dark ? 0.75 : 0.85);
  marks.push({ kind: "circle", x: x + 4, y, r: 4.5, fill: full });
  x += 15;
  say(LEGEND_WORDS[1]);
  const stroke = theme.seq(theme.dark ? 0.72 : 0.8);
  marks.push({ kind: "circle", x: x + 4, y, r: 4, fill: theme.paper, stroke, width: 1.5 });
  x += 15;
  say(LEGEND_WORDS[2]);
  return marks;
}
