/** The ribbons of a trace: which are drawn, where they meet their discs, how they look. Pure. */
import type { Theme } from "../color";
import type { Curve } from "../scene";
import type { BlockEdges, Trace } from "../trace";
import { FULL_LABELS_PITCH, levelX, rowY, type Zones } from "./zones";

/** At most this many ribbons a block, so that a frame stays in its budget. */
export const MAX_EDGES = 1500;
/** Above this many tokens a level is a column of strips instead of discs. */
export const COLUMN_TOKENS = 200;
export const COLUMN_WIDTH = 6;
const MIN_WIDTH = 0.6;

export interface DrawnEdge {
  block: number;
  query: number;
  key: number;
  value: number;
  cut: boolean;
  curve: Curve;
}

export interface RibbonStyle {
  /** Width in px of a whole unit of share or flow. */
  unit: number;
  /** The share at which colour and opacity reach their end. */
  full: number;
  opacityFrom: number;
  /** How faint a ribbon gets whose mass asks for less than the least width. */
  faintest: number;
}

/** Whether the trace is a maximum flow with a value, drawn with its cut. */
export function hasCut(trace: Trace): boolean {
  return trace.flow !== null;
}

export function ribbonStyle(trace: Trace, zones: Zones): RibbonStyle {
  const { pitch } = zones;
  // Where rows are apart every hairline can be followed; where they are not, a thousand of them
  // must not add up to more than what they carry.
  const faintest = !zones.thin ? 1 : trace.n > COLUMN_TOKENS ? 0.3 : 0.5;
  const dense = Math.min(1, Math.max(0, (FULL_LABELS_PITCH - pitch) / 6));
  // Thinned rows have no room of their own to fill, so the ribbons keep a readable size there.
  const unit =
    trace.n > 64 ? 26 : Math.max(1.15 * pitch, dense === 0 ? 0 : 13.8 + dense * (26 - 13.8));
  if (trace.flow !== null) {
    // A set may carry more than one unit; it must still fit its disc's row.
    const value = Math.max(1, trace.flow.value);
    return { unit: (unit * 1.35) / 1.15 / value, full: 0.3 * value, opacityFrom: 0.5, faintest };
  }
  if (trace.sources === null && trace.sinks === null) {
    let largest = 0;
    for (const level of trace.nodes) for (const mass of level) largest = Math.max(largest, mass);
    const across = Math.max(0.9 * pitch, zones.thin ? 11 : 0);
    const unit = Math.min(across / (largest || 1), 40 * pitch + 26);
    return { unit, full: 0.12, opacityFrom: 0.55, faintest: faintest / 2 };
  }
  return { unit, full: 0.2, opacityFrom: 0.3, faintest };
}

/**
 * How many of a block's edges to draw: the strongest until they hold `share` of its mass, at most
 * `MAX_EDGES`. Edges rise in value, so these are the last ones.
 */
export function countKept(edges: BlockEdges, mass: number, share: number): number {
  const wanted = Math.min(1, share) * mass * (1 - 1e-9);
  let held = 0;
  let kept = 0;
  for (let e = edges.value.length - 1; e >= 0 && kept < MAX_EDGES && held < wanted; e--) {
    held += edges.value[e]!;
    kept++;
  }
  return kept;
}

function blockMass(trace: Trace, index: number): number {
  let mass = 0;
  for (const value of trace.nodes[index + 1]!) mass += value;
  if (mass > 0) return mass;
  return trace.blocks[index]!.value.reduce((a, b) => a + b, 0);
}

/** Centre of each ribbon at its disc: stacked in the order of the far ends, the stack centred. */
function stack(
  indices: readonly number[],
  near: Int32Array,
  far: Int32Array,
  width: (e: number) => number,
  n: number,
): Map<number, number> {
  const total = new Float64Array(n);
  for (const e of indices) total[near[e]!]! += width(e);
  const used = new Float64Array(n);
  const offsets = new Map<number, number>();
  for (const e of [...indices].sort((a, b) => far[a]! - far[b]!)) {
    const at = near[e]!;
    offsets.set(e, used[at]! + width(e) / 2 - total[at]! / 2);
    used[at]! += width(e);
  }
  return offsets;
}

/** All ribbons of one block, weakest first. `levels` is the number of levels on the stage. */
function blockEdges(
  trace: Trace,
  index: number,
  share: number,
  zones: Zones,
  theme: Theme,
  first: number,
  levels: number,
): DrawnEdge[] {
  const edges = trace.blocks[index]!;
  const style = ribbonStyle(trace, zones);
  const n = trace.n;
  const kept = countKept(edges, blockMass(trace, index), share);
  const from = edges.value.length - kept;
  const cutKeys = new Set<number>();
  if (hasCut(trace)) {
    for (const cut of trace.flow!.cut) {
      if (cut.block === edges.block) cutKeys.add(cut.query * n + cut.key);
    }
  }
  const isCut = (e: number) => cutKeys.has(edges.query[e]! * n + edges.key[e]!);
  const indices: number[] = [];
  for (let e = 0; e < edges.value.length; e++) {
    // The cut is drawn whole, however little passes through an edge of it.
    if (e >= from || (cutKeys.size > 0 && isCut(e))) indices.push(e);
  }
  const width = (e: number) => edges.value[e]! * style.unit;
  const right = stack(indices, edges.query, edges.key, width, n);
  const left = stack(indices, edges.key, edges.query, width, n);
  const gap = n > COLUMN_TOKENS ? COLUMN_WIDTH / 2 + 1 : 0;
  const x0 = levelX(zones, edges.block - first, levels) + gap;
  const x1 = levelX(zones, edges.block - first + 1, levels) - gap;
  return indices.map((e) => {
    const value = edges.value[e]!;
    const r = Math.sqrt(Math.min(1, value / style.full));
    const cut = isCut(e);
    const color = cut ? theme.cut : theme.seq(theme.dark ? 0.5 + 0.42 * r : 0.52 + 0.38 * r);
    const drawn = Math.max(MIN_WIDTH, width(e));
    const faint = Math.max(style.faintest, Math.sqrt(Math.min(1, width(e) / MIN_WIDTH)));
    const strength = style.opacityFrom + (0.95 - style.opacityFrom) * Math.min(1, 1.35 * r);
    const opacity = cut ? strength : faint * Math.min(0.95, strength);
    return {
      block: edges.block,
      query: edges.query[e]!,
      key: edges.key[e]!,
      value,
      cut,
      curve: {
        kind: "curve",
        x0,
        y0: rowY(zones, edges.key[e]!) + left.get(e)!,
        x1,
        y1: rowY(zones, edges.query[e]!) + right.get(e)!,
        width: drawn,
        color,
        opacity,
      },
    };
  });
}

/** The drawn edges of every block of the trace, lowest block first. */
export function layoutEdges(
  trace: Trace,
  share: number,
  zones: Zones,
  theme: Theme,
  first: number,
  levels: number,
): DrawnEdge[][] {
  return trace.blocks.map((_, index) =>
    blockEdges(trace, index, share, zones, theme, first, levels),
  );
}
