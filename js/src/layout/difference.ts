/** A minus B on the stage: ribbons, discs, bars, cells and legend, by their sign. Pure. */
import type { Theme } from "../color";
import { type Difference, divergingT, signed, standsOut } from "../compare";
import type { Frame } from "../frame";
import { largest, sum } from "../numbers";
import { line, type Mark } from "../scene";
import { layCells, packedColors } from "./cells";
import { COLUMN_WIDTH, type Disc, type DrawnEdge, MAX_EDGES, MIN_WIDTH, stacked } from "./edges";
import { note } from "./text";
import { inView, levelX, MAX_PITCH, rowY, type Zones } from "./zones";

/** Width of a ribbon in rows, per unit of difference. */
const ROWS_A_UNIT = 2.2;
/** The difference at which colour and opacity of a ribbon reach their end. */
const FULL = { points: 0.1, flow: 0.3 };
/** Room for a signed figure beside its bar. */
const FIGURE = { points: 27, flow: 34 };
const LONGEST_BAR = 40;

export function differenceUnit(zones: Zones): number {
  return ROWS_A_UNIT * Math.min(MAX_PITCH, Math.max(zones.pitch, 12));
}

/** The color of what is too small for an area: never as pale as the scale's middle. */
function inkOf(theme: Theme, value: number, strength: number): string {
  return theme.div(Math.sign(value) * (0.5 + 0.5 * Math.min(1, strength)));
}

/** The colour of a column's mean, half as strong as that of a cell. */
export function differenceInk(theme: Theme, difference: Difference, value: number): string {
  return inkOf(theme, value, Math.abs(divergingT(difference, value)) / 2);
}

function strengthOf({ flow }: Difference, value: number): number {
  return Math.sqrt(Math.min(1, Math.abs(value) / (flow ? FULL.flow : FULL.points)));
}

/** The strongest edges of every block, until they hold `share` of all that differs there. */
export function differenceEdges(
  difference: Difference,
  share: number,
  zones: Zones,
  theme: Theme,
  first: number,
  levels: number,
): DrawnEdge[][] {
  const unit = differenceUnit(zones);
  const gap = zones.dense ? COLUMN_WIDTH / 2 + 1 : 0;
  return difference.blocks.map(({ block, query, key, value }) => {
    const whole = sum(value, Math.abs);
    let [from, held] = [value.length, 0];
    const wanted = share * whole * (1 - 1e-9);
    while (from > 0 && held < wanted && value.length - from < MAX_EDGES) {
      held += Math.abs(value[--from]!);
    }
    const queries = query.subarray(from);
    const keys = key.subarray(from);
    const widths = value.subarray(from).map((one) => Math.abs(one) * unit);
    const right = stacked(queries, keys, widths, difference.n);
    const left = stacked(keys, queries, widths, difference.n);
    const x0 = levelX(zones, block - first, levels) + gap;
    const x1 = levelX(zones, block - first + 1, levels) - gap;
    return Array.from(widths, (width, i): DrawnEdge | null => {
      // With neither end in view an edge tells nothing.
      if (!inView(zones.rows, queries[i]!) && !inView(zones.rows, keys[i]!)) return null;
      const one = value[from + i]!;
      const r = strengthOf(difference, one);
      const faint = Math.max(zones.thin ? 0.4 : 1, Math.sqrt(Math.min(1, width / MIN_WIDTH)));
      return {
        block,
        query: queries[i]!,
        key: keys[i]!,
        value: one,
        cut: false,
        curve: {
          kind: "curve",
          x0,
          y0: rowY(zones, keys[i]!) + left[i]!,
          x1,
          y1: rowY(zones, queries[i]!) + right[i]!,
          width: Math.max(MIN_WIDTH, width),
          color: inkOf(theme, one, r),
          opacity: faint * (0.3 + 0.65 * Math.min(1, 1.35 * r)),
        },
      };
    }).filter((edge) => edge !== null);
  });
}

/** A node as a mark: its sign by colour, its size by the ribbons that meet there. */
export function differenceDisc(frame: Frame, difference: Difference, disc: Disc): Mark {
  const { theme } = frame;
  const { x, y, level, token } = disc;
  const ends = (level === difference.stop ? difference.a.trace.sources : null) ?? [];
  if (ends.includes(token) && disc.mass > 0) {
    return { kind: "circle", x, y, r: 7, fill: theme.ink, stroke: theme.paper, width: 1.25 };
  }
  if (disc.mass === 0) return { kind: "circle", x, y, r: disc.r, fill: theme.ink3 };
  const value = difference.nodes[level - difference.start]?.[token] ?? 0;
  const fill =
    Math.abs(value) < 5e-4 ? theme.ink3 : inkOf(theme, value, strengthOf(difference, value));
  return { kind: "circle", x, y, r: Math.max(disc.r, 2), fill };
}

/** Where the bars begin and how long a unit is; null without room for bars. */
export interface Axis {
  zero: number;
  unit: number;
}

export function differenceAxis(difference: Difference, zones: Zones): Axis | null {
  const { relevance } = difference;
  if (zones.bars.length === 0 || relevance === null) return null;
  const most = largest(relevance);
  const least = -largest(relevance.map((value) => -value));
  const figure = difference.flow ? FIGURE.flow : FIGURE.points;
  const left = signed(least, difference.flow) === "" ? 4 : figure;
  const right = signed(most, difference.flow) === "" ? 4 : figure;
  const from = 12;
  const room = zones.bars.right - from - left - right;
  const unit = Math.min(room / (most - least || 1), LONGEST_BAR / Math.max(most, -least, 1e-9));
  return { zero: zones.bars.right - right - most * unit, unit };
}

/** Bar and signed figure of one token, beside its label. */
export function differenceBar(
  frame: Frame,
  difference: Difference,
  axis: Axis | null,
  zones: Zones,
  token: number,
  y: number,
): Mark[] {
  const { theme } = frame;
  const value = difference.relevance?.[token] ?? Number.NaN;
  if (Number.isNaN(value)) return [];
  const text = signed(value, difference.flow);
  const strong = standsOut(difference, value);
  const marks: Mark[] = [];
  const h = Math.min(9, zones.thin ? 8 : zones.pitch * 0.42);
  const end = axis === null ? zones.bars.right : axis.zero + value * axis.unit;
  if (axis !== null && Math.abs(value) >= 5e-4) {
    const w = Math.max(1, Math.abs(end - axis.zero));
    const x = value < 0 ? axis.zero - w : axis.zero;
    const fill = differenceInk(theme, difference, value);
    marks.push({ kind: "rect", x, y: y - h / 2, w, h, fill });
  }
  if (text === "") return marks;
  const left = axis === null || value < 0;
  const x = axis === null ? end : left ? Math.min(end, axis.zero - 1) - 4 : end + 4;
  marks.push(note(theme, x, y, text, left ? "end" : "start", { strong }));
  return marks;
}

/** The line that the bars grow from, and what they measure. */
export function differenceHead(
  frame: Frame,
  axis: Axis | null,
  zones: Zones,
  flow: boolean,
): Mark[] {
  const { theme } = frame;
  const { top, bottom, headY, bars } = zones;
  if (axis === null) return [note(theme, bars.right, headY, flow ? "flow" : "pts", "end")];
  return [
    line(axis.zero, top + 1, axis.zero, bottom - 1, theme.ink3),
    note(theme, axis.zero, headY, flow ? "flow" : "points", "middle"),
  ];
}

/** The colour of a strip, where rows are too low for discs. */
export function differenceColor(theme: Theme, difference: Difference, disc: Disc): string {
  const value = difference.nodes[disc.level - difference.start]?.[disc.token] ?? 0;
  return inkOf(theme, value, strengthOf(difference, value));
}

function differencePixels(difference: Difference, theme: Theme, words: Uint32Array): void {
  const { values } = difference;
  const table = packedColors((t) => theme.divRGB(2 * t - 1));
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    // Still being computed: a quiet middle, which is no difference yet.
    const t = Number.isNaN(value) ? 0 : divergingT(difference, value);
    words[i] = table[Math.round(127.5 + 127.5 * t)]!;
  }
}

/** The cells, coloured by their difference. */
export function differenceCells(theme: Theme, difference: Difference, zones: Zones): Mark[] {
  return layCells(zones, theme, difference, differencePixels, (value) =>
    theme.div(divergingT(difference, value)),
  );
}
