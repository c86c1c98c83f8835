/** The ribbons of a trace: which are drawn, where they meet their discs, how they look. Pure. */
import type { Theme } from "../color";
import { isAttention } from "../model";
import { largest, sum } from "../numbers";
import type { Curve } from "../scene";
import { type BlockEdges, isMean, type Trace } from "../trace";
import { FULL_LABELS_PITCH, inView, levelX, MAX_PITCH, rowY, type Zones } from "./zones";

/** At most this many ribbons a block, so that a frame stays in its budget. */
export const MAX_EDGES = 1500;
export const COLUMN_WIDTH = 6;
export const MIN_WIDTH = 0.6;

/** A disc (or strip) on the stage, kept for hit tests and the hover layer. */
export interface Disc {
  level: number;
  token: number;
  x: number;
  y: number;
  /** Drawn radius; at least the resting one. */
  r: number;
  /** Share or flow through the node; 0 where nothing drawn passes. */
  mass: number;
}

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

const passed = new WeakMap<Trace, Float64Array[]>();

/**
 * Mass at each node, as wide as the ribbons on its wider side. What enters a node leaves it, but
 * for raw attention: there each block begins anew, and a node may be read more than it reads.
 */
export function nodeMasses(trace: Trace): Float64Array[] {
  if (!isAttention(trace)) return trace.nodes;
  const known = passed.get(trace);
  if (known !== undefined) return known;
  const reads = trace.nodes.map((level) => new Float64Array(level.length));
  const isRead = trace.nodes.map((level) => new Float64Array(level.length));
  for (const [index, { query, key, value }] of trace.blocks.entries()) {
    for (let e = 0; e < value.length; e++) {
      isRead[index]![key[e]!]! += value[e]!;
      reads[index + 1]![query[e]!]! += value[e]!;
    }
  }
  const masses = reads.map((level, i) => level.map((mass, t) => Math.max(mass, isRead[i]![t]!)));
  passed.set(trace, masses);
  return masses;
}

export function ribbonStyle(trace: Trace, zones: Zones): RibbonStyle {
  // Zoomed rows are further apart, but what is between them is still to be seen.
  const pitch = Math.min(MAX_PITCH, zones.pitch);
  // Where rows are apart every hairline can be followed; where they are not, a thousand of them
  // must not add up to more than what they carry.
  const faintest = !zones.thin ? 1 : zones.dense ? 0.3 : 0.5;
  const dense = Math.min(1, Math.max(0, (FULL_LABELS_PITCH - pitch) / 6));
  // Thinned rows have no room of their own to fill, so the ribbons keep a readable size there.
  const unit =
    trace.n > 64 ? 26 : Math.max(1.15 * pitch, dense === 0 ? 0 : 13.8 + dense * (26 - 13.8));
  if (trace.flow !== null) {
    // A set may carry more than one unit; it must still fit its disc's row.
    const value = Math.max(1, trace.flow.value);
    return { unit: (unit * 1.35) / 1.15 / value, full: 0.3 * value, opacityFrom: 0.5, faintest };
  }
  if (isMean(trace)) {
    const most = largest(nodeMasses(trace).map((masses) => largest(masses)));
    const across = Math.max(0.9 * pitch, zones.thin ? 11 : 0);
    const unit = Math.min(across / (most || 1), 40 * pitch + 26);
    return { unit, full: 0.12, opacityFrom: 0.55, faintest: faintest / 2 };
  }
  return { unit, full: 0.2, opacityFrom: 0.3, faintest };
}

/**
 * How many of a block's edges to draw: the strongest until they hold `share` of its mass, at most
 * `MAX_EDGES`. Edges rise in value, so these are the last ones.
 */
export function countKept(edges: BlockEdges, mass: number, share: number): number {
  const wanted = share >= 1 ? Number.POSITIVE_INFINITY : share * mass * (1 - 1e-9);
  let held = 0;
  let kept = 0;
  for (let e = edges.value.length - 1; e >= 0 && kept < MAX_EDGES && held < wanted; e--) {
    held += edges.value[e]!;
    kept++;
  }
  return kept;
}

function blockMass(trace: Trace, index: number): number {
  const known = trace.blocks[index]!.mass;
  if (known !== undefined) return known;
  // Not the sum of the edges: of a large graph the kernel sends the strongest alone.
  const mass = sum(trace.nodes[index + 1]!);
  return mass > 0 ? mass : sum(trace.blocks[index]!.value);
}

/**
 * Centre of each ribbon relative to its disc: stacked in the order of the far ends, the whole
 * stack centred. `near` and `far` are the tokens at this and the other end.
 */
export function stacked(
  near: Int32Array,
  far: Int32Array,
  widths: Float64Array,
  n: number,
): Float64Array {
  const used = new Float64Array(n);
  const begins = new Uint32Array(n + 1);
  for (let e = 0; e < near.length; e++) {
    used[near[e]!]! -= widths[e]! / 2;
    begins[far[e]! + 1]!++;
  }
  for (let token = 0; token < n; token++) begins[token + 1]! += begins[token]!;
  const byFar = new Uint32Array(near.length);
  for (let e = 0; e < near.length; e++) byFar[begins[far[e]!]!++] = e;
  const offsets = new Float64Array(near.length);
  for (const e of byFar) {
    const at = near[e]!;
    offsets[e] = used[at]! + widths[e]! / 2;
    used[at]! += widths[e]!;
  }
  return offsets;
}

/** What the layouts of all blocks share. */
export interface EdgeRoom {
  zones: Zones;
  theme: Theme;
  /** The lowest level on the stage, and how many there are. */
  first: number;
  count: number;
  /** Which nodes an edge meets, `met[level - first][token]`: filled in. */
  met: readonly Uint8Array[];
  /** At most this many ribbons a block are laid out, the strongest in view, each in its place. */
  most: number;
}

/** All ribbons of one block, weakest first. */
function blockEdges(
  trace: Trace,
  index: number,
  share: number,
  style: RibbonStyle,
  { zones, theme, first, count, met, most }: EdgeRoom,
): DrawnEdge[] {
  const edges = trace.blocks[index]!;
  const { n } = trace;
  const kept = countKept(edges, blockMass(trace, index), share);
  const from = edges.value.length - kept;
  const cutKeys = new Set<number>();
  if (hasCut(trace)) {
    for (const cut of trace.flow!.cut) {
      if (cut.block === edges.block) cutKeys.add(cut.query * n + cut.key);
    }
  }
  let [query, key, values] = [edges.query, edges.key, edges.value].map((of) =>
    of.subarray(from),
  ) as [Int32Array, Int32Array, Float64Array];
  if (cutKeys.size > 0) {
    // The cut is drawn whole, however little passes through an edge of it.
    const drawn = Uint32Array.from(edges.value.keys()).filter(
      (e) => e >= from || cutKeys.has(edges.query[e]! * n + edges.key[e]!),
    );
    query = Int32Array.from(drawn, (e) => edges.query[e]!);
    key = Int32Array.from(drawn, (e) => edges.key[e]!);
    values = Float64Array.from(drawn, (e) => edges.value[e]!);
  }
  const [reads, isRead] = [met[edges.block - first + 1]!, met[edges.block - first]!];
  for (let e = 0; e < values.length; e++) {
    reads[query[e]!] = 1;
    isRead[key[e]!] = 1;
  }
  const right = stacked(query, key, values, n);
  const left = stacked(key, query, values, n);
  const gap = zones.dense ? COLUMN_WIDTH / 2 + 1 : 0;
  const x0 = levelX(zones, edges.block - first, count) + gap;
  const x1 = levelX(zones, edges.block - first + 1, count) - gap;
  const made: DrawnEdge[] = [];
  const limit = cutKeys.size > 0 ? values.length : most;
  for (let e = values.length - 1; e >= 0 && made.length < limit; e--) {
    // With neither end in view an edge tells nothing.
    if (!inView(zones.rows, query[e]!) && !inView(zones.rows, key[e]!)) continue;
    const value = values[e]!;
    const width = value * style.unit;
    const r = Math.sqrt(Math.min(1, value / style.full));
    const cut = cutKeys.size > 0 && cutKeys.has(query[e]! * n + key[e]!);
    const faint = Math.max(style.faintest, Math.sqrt(Math.min(1, width / MIN_WIDTH)));
    const strength = style.opacityFrom + (0.95 - style.opacityFrom) * Math.min(1, 1.35 * r);
    made.push({
      block: edges.block,
      query: query[e]!,
      key: key[e]!,
      value,
      cut,
      curve: {
        kind: "curve",
        x0,
        y0: rowY(zones, key[e]!) + left[e]! * style.unit,
        x1,
        y1: rowY(zones, query[e]!) + right[e]! * style.unit,
        width: Math.max(MIN_WIDTH, width),
        color: cut ? theme.cut : theme.seq(theme.dark ? 0.5 + 0.42 * r : 0.52 + 0.38 * r),
        opacity: cut ? strength : faint * strength,
      },
    });
  }
  return made.reverse();
}

/** The drawn edges of every block of the trace, lowest block first. */
export function layoutEdges(trace: Trace, share: number, room: EdgeRoom): DrawnEdge[][] {
  const style = ribbonStyle(trace, room.zones);
  return trace.blocks.map((_, index) => blockEdges(trace, index, share, style, room));
}
