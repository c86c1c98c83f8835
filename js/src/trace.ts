/**
 * From the kernel's trace to numbers to draw, at any residual. Pure.
 *
 * A rollout is a polynomial in the residual r: with a = 1 - r and degree D,
 * value(r) = sum_k a^k r^(D-k) C_k with all C_k >= 0 (Bernstein form, binomials folded in).
 * The terms travel once; this file evaluates them at every frame of a drag.
 */
import { BINDINGS, type Binding, type Method, type ShownMatrix, type ShownTrace } from "./model";
import { listOf, sum } from "./numbers";
import { decode, type WireArray } from "./wire";

export interface BlockEdges {
  /** Layer map index: reads level `block`, writes level `block + 1`. */
  block: number;
  query: Int32Array;
  key: Int32Array;
  /** Mass on each edge, as a share of the trace's total (flow: the flow itself). */
  value: Float64Array;
  /** Mass of the block that can be shown, where that is not all of it. */
  mass?: number;
}

export interface Cut {
  block: number;
  query: number;
  key: number;
  capacity: number;
}

export interface Trace {
  method: Method;
  start: number;
  stop: number;
  n: number;
  sources: number[] | null;
  sinks: number[] | null;
  /** Mass through each node as a share of the total; nodes[0] is level `start`. */
  nodes: Float64Array[];
  /** blocks[0] is the lowest; edges rise in value, so that the strongest are drawn last. */
  blocks: BlockEdges[];
  context: { block: number; query: number; key: number }[];
  /** Mass that the trace carries before it was made a share: 1 for a source. */
  total: number;
  /** For each token: share of the source that comes from it (direction "down"), or share of it
   * that comes from the sink ("up"). NaN where flow is not computed yet. */
  relevance: Float64Array;
  /** What even attention gives each token; null where shares stand for themselves. */
  even: Float64Array | null;
  direction: "down" | "up";
  flow: {
    value: number;
    bound: number;
    binding: Binding;
    cut: Cut[];
    /** Node can still be reached from the source: indexed [level - start][token]. */
    sourceSide: Uint8Array[];
  } | null;
  relevanceBinding: Binding[] | null;
}

type Directed = Pick<Trace, "direction"> | null | undefined;

export function isUp(of: Directed): boolean {
  return of?.direction === "up";
}

export function isDown(of: Directed): boolean {
  return of?.direction === "down";
}

type Ended = Pick<Trace, "sources" | "sinks">;

/** Whether both ends are chosen. */
export function isPair({ sources, sinks }: Ended): boolean {
  return sources !== null && sinks !== null;
}

/** Whether neither is: the mean over all outputs. */
export function isMean({ sources, sinks }: Ended): boolean {
  return sources === null && sinks === null;
}

/** Evaluate `rows` stacked terms of width n, starting at row `first`. */
export function evaluateTerms(
  terms: Float32Array,
  first: number,
  rows: number,
  n: number,
  residual: number,
  out: Float64Array,
): Float64Array {
  const degree = rows - 1;
  out.fill(0);
  for (let k = 0; k < rows; k++) {
    // 0 ** 0 is 1, so residual 0 and 1 are exact.
    const factor = (1 - residual) ** k * residual ** (degree - k);
    if (factor === 0) continue;
    const base = (first + k) * n;
    for (let i = 0; i < n; i++) out[i]! += factor * terms[base + i]!;
  }
  return out;
}

function evaluateEven(even: WireArray, residual: number): Float64Array {
  const [rows, n] = even.shape as [number, number];
  return evaluateTerms(decode(even, "float32"), 0, rows, n, residual, new Float64Array(n));
}

/** Shares as multiples of what even attention gives; where its mask lets nothing through, 0. */
export function divided(values: Float64Array, even: Float64Array | null): Float64Array {
  return even === null ? values : values.map((value, i) => (even[i]! > 0 ? value / even[i]! : 0));
}

/** The shown matrix at a residual, row-major (n * n). Reuses `out` when given. */
export function evaluateMatrix(
  matrix: Pick<ShownMatrix, "terms">,
  residual: number,
  out?: Float64Array,
): Float64Array {
  const [rows, n] = matrix.terms.shape as [number, number, number];
  const cells = out !== undefined && out.length === n * n ? out : new Float64Array(n * n);
  return evaluateTerms(decode(matrix.terms, "float32"), 0, rows, n * n, residual, cells);
}

function levelMasses(
  terms: Float32Array,
  n: number,
  levels: number,
  rowsAt: (index: number) => number,
  residual: number,
): Float64Array[] {
  const masses: Float64Array[] = [];
  let first = 0;
  for (let index = 0; index < levels; index++) {
    const rows = rowsAt(index);
    masses.push(evaluateTerms(terms, first, rows, n, residual, new Float64Array(n)));
    first += rows;
  }
  return masses;
}

const DIGIT = 11;

/** Positions of the positive values in ascending order. At every frame of a drag tens of thousands
 * of edges change theirs: the bits of positive floats rise with their values, and are sorted by
 * their digits. */
export function ascending(values: Float64Array): Uint32Array {
  const bits = new Uint32Array(new Float32Array(values).buffer);
  let order = new Uint32Array(values.length);
  let count = 0;
  for (let e = 0; e < values.length; e++) if (values[e]! > 0) order[count++] = e;
  order = order.subarray(0, count);
  let next = new Uint32Array(count);
  for (let shift = 0; shift < 32; shift += DIGIT) {
    const begins = new Uint32Array((1 << DIGIT) + 1);
    const mask = (1 << DIGIT) - 1;
    for (let i = 0; i < count; i++) begins[((bits[order[i]!]! >>> shift) & mask) + 1]!++;
    for (let digit = 0; digit < mask; digit++) begins[digit + 1]! += begins[digit]!;
    for (let i = 0; i < count; i++) {
      const e = order[i]!;
      next[begins[(bits[e]! >>> shift) & mask]!++] = e;
    }
    [order, next] = [next, order];
  }
  return order;
}

function groupByBlock(
  triples: Int32Array,
  values: Float64Array,
  start: number,
  stop: number,
): BlockEdges[] {
  const order = ascending(values);
  const counts = new Uint32Array(stop - start);
  for (const e of order) counts[triples[3 * e]! - start]!++;
  const blocks: BlockEdges[] = Array.from(counts, (count, i) => ({
    block: start + i,
    query: new Int32Array(count),
    key: new Int32Array(count),
    value: new Float64Array(count),
  }));
  const filled = new Uint32Array(stop - start);
  for (const e of order) {
    const i = triples[3 * e]! - start;
    const { query, key, value } = blocks[i]!;
    const at = filled[i]!++;
    query[at] = triples[3 * e + 1]!;
    key[at] = triples[3 * e + 2]!;
    value[at] = values[e]!;
  }
  return blocks;
}

export function evaluateTrace(wire: ShownTrace, residual: number): Trace {
  const [start, stop] = wire.levels;
  const levels = stop - start + 1;
  const n = wire.down.shape[1]!;
  const triples = decode(wire.edges, "int32");
  const weights = decode(wire.weights, "float32");
  const one = () => 1;
  const down = levelMasses(
    decode(wire.down, "float32"),
    n,
    levels,
    wire.polynomial ? (i) => levels - i : one,
    residual,
  );
  const values = new Float64Array(weights.length);
  let nodes = down;
  let total = 1;
  let relevance = down[0]!;
  const direction = wire.sources === null && wire.sinks !== null ? "up" : "down";
  if (wire.kind === "walk") {
    if (wire.up === null) throw new Error("a walk needs both masses");
    const up = levelMasses(
      decode(wire.up, "float32"),
      n,
      levels,
      wire.polynomial ? (i) => i + 1 : one,
      residual,
    );
    for (let e = 0; e < weights.length; e++) {
      const block = triples[3 * e]! - start;
      const query = triples[3 * e + 1]!;
      const key = triples[3 * e + 2]!;
      const weight = weights[e]!;
      const capacity = wire.mixed
        ? (1 - residual) * weight + (query === key ? residual : 0)
        : weight;
      values[e] = down[block + 1]![query]! * capacity * up[block]![key]!;
    }
    nodes = down.map((masses, i) => masses.map((mass, t) => mass * up[i]![t]!));
    if (direction === "up") relevance = up[levels - 1]!;
    // The mass is the same at every level, except for raw attention, which lives in one block.
    total = Math.max(...nodes.map((masses) => sum(masses)));
    if (total > 0) {
      for (let e = 0; e < values.length; e++) values[e]! /= total;
      nodes = nodes.map((masses) => masses.map((mass) => mass / total));
    }
  } else {
    values.set(weights);
    total = wire.value ?? 0;
  }
  if (wire.relevance !== null) relevance = Float64Array.from(decode(wire.relevance, "float32"));
  return {
    method: wire.method,
    start,
    stop,
    n,
    sources: wire.sources,
    sinks: wire.sinks,
    nodes,
    blocks: groupByBlock(triples, values, start, stop),
    context: contextOf(wire),
    total,
    relevance,
    even: wire.even == null ? null : evaluateEven(wire.even, residual),
    direction,
    flow: flowPart(wire, n, levels),
    relevanceBinding:
      wire.relevance_binding === null
        ? null
        : Array.from(decode(wire.relevance_binding, "uint8"), (code) => BINDINGS[code]!),
  };
}

type Edge = { block: number; query: number; key: number };

/** The context is the same array for the same message, so that it is drawn once for many frames. */
const contexts = new WeakMap<ShownTrace, Edge[]>();

function contextOf(wire: ShownTrace): Edge[] {
  const known = contexts.get(wire);
  if (known !== undefined) return known;
  const made = wire.context === null ? [] : rows3(decode(wire.context, "int32"));
  contexts.set(wire, made);
  return made;
}

function rows3(triples: Int32Array): Edge[] {
  return listOf(triples.length / 3, (e) => ({
    block: triples[3 * e]!,
    query: triples[3 * e + 1]!,
    key: triples[3 * e + 2]!,
  }));
}

function flowPart(wire: ShownTrace, n: number, levels: number): Trace["flow"] {
  if (wire.binding === null || wire.value === null || wire.bound === null) return null;
  const capacity = wire.cut_capacity === null ? null : decode(wire.cut_capacity, "float32");
  const cut = wire.cut === null ? [] : rows3(decode(wire.cut, "int32"));
  const side = wire.source_side === null ? null : decode(wire.source_side, "uint8");
  return {
    value: wire.value,
    bound: wire.bound,
    binding: wire.binding,
    cut: cut.map((edge, i) => ({ ...edge, capacity: capacity?.[i] ?? 0 })),
    sourceSide: side === null ? [] : listOf(levels, (i) => side.subarray(i * n, i * n + n)),
  };
}
