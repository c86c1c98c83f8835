/** The difference of two pictures, A minus B, from the numbers of both. Pure. */
import type { ComparedView, Frame, MatrixView } from "./frame";
import { nodeMasses } from "./layout/edges";
import { niceCeiling } from "./layout/scale";
import { isFlow } from "./model";
import { largest, listOf } from "./numbers";
import { ascending, type BlockEdges, isDown, isPair, type Trace } from "./trace";

export interface Difference {
  a: ComparedView;
  b: ComparedView;
  n: number;
  /** The levels that both graphs have; the same one twice where they have no layer in common. */
  start: number;
  stop: number;
  /** Whether one of the two reaches beyond those levels. */
  cropped: boolean;
  /** Flows differ in units of flow, shares in percentage points. */
  flow: boolean;
  /** Row-major, rows = queries. NaN where one of the two is still being computed. */
  values: Float64Array;
  /** The colours reach from -half to half; what lies beyond has their last colour. */
  half: number;
  /** Whether a cell lies below -half, and above half. */
  below: boolean;
  above: boolean;
  /** Mean of each column; null where it says nothing or is not complete. */
  columnMeans: Float64Array | null;
  /** Mass through each node; nodes[0] is level `start`. */
  nodes: Float64Array[];
  /** Edges rise in the size of their difference. */
  blocks: BlockEdges[];
  /** Of every token; null where A and B look in different directions. */
  relevance: Float64Array | null;
  direction: "down" | "up";
}

const made = new WeakMap<NonNullable<Frame["comparison"]>, Difference>();

/** What a frame compares, or null while it compares nothing. */
export function differenceOf(frame: Frame): Difference | null {
  const { comparison } = frame;
  if (comparison === null) return null;
  let known = made.get(comparison);
  if (known === undefined || known.n !== frame.n) {
    known = subtract(comparison.a, comparison.b, frame.special);
    made.set(comparison, known);
  }
  return known;
}

/** Position on the diverging scale, from -1 (B) to 1 (A). */
export function divergingT({ half }: Difference, value: number): number {
  return half > 0 ? Math.min(1, Math.max(-1, value / half)) : 0;
}

export function subtract(
  a: ComparedView,
  b: ComparedView,
  special: ReadonlySet<number>,
): Difference {
  const { n } = a.matrix;
  const [from, to] = [Math.max(a.trace.start, b.trace.start), Math.min(a.trace.stop, b.trace.stop)];
  const stop = Math.max(from, to);
  const start = from < to ? from : stop;
  const values = a.matrix.values.map((value, i) => value - b.matrix.values[i]!);
  const shares = sharesOf(b.trace);
  const relevance =
    a.trace.direction === b.trace.direction
      ? sharesOf(a.trace).map((value, token) => value - shares[token]!)
      : null;
  const range = rangeOf(values, n, special, relevance);
  const [unitA, unitB] = [unitOf(a.trace), unitOf(b.trace)];
  const [skipA, skipB] = [from - a.trace.start, from - b.trace.start];
  const levels = from < to ? to - from + 1 : 0;
  return {
    a,
    b,
    n,
    start,
    stop,
    cropped: a.trace.start !== b.trace.start || a.trace.stop !== b.trace.stop,
    flow: isFlow(a.trace) || isFlow(b.trace),
    values,
    ...range,
    columnMeans: columnMeans(values, n, [a.matrix, b.matrix]),
    nodes: listOf(levels, (i) => {
      const [mine, theirs] = [nodeMasses(a.trace)[skipA + i]!, nodeMasses(b.trace)[skipB + i]!];
      return mine.map((mass, token) => unitA * mass - unitB * theirs[token]!);
    }),
    blocks: listOf(Math.max(0, to - from), (i) =>
      subtractEdges(a.trace.blocks[skipA + i]!, b.trace.blocks[skipB + i]!, unitA, unitB, n),
    ),
    relevance,
    direction: a.trace.direction,
  };
}

/** What one share of a trace stands for: a pair carries a part of its source, a source itself. */
function unitOf(trace: Trace): number {
  if (!isPair(trace) || trace.flow !== null) return 1;
  return trace.total / Math.max(1, trace.sources!.length);
}

/** A set starts with one unit at each of its tokens, and is compared as one. */
function sharesOf(trace: Trace): Float64Array {
  const ends = isDown(trace) ? (trace.sources?.length ?? 1) : 1;
  if (ends <= 1 || trace.flow !== null || isFlow(trace)) return trace.relevance;
  return trace.relevance.map((value) => value / ends);
}

/**
 * The largest difference between words, off the diagonal, rounded up; CLS and SEP go beyond. Where
 * the matrices are one, as with two selections under one setting, that of the tokens.
 */
function rangeOf(
  values: Float64Array,
  n: number,
  special: ReadonlySet<number>,
  relevance: Float64Array | null,
): Pick<Difference, "half" | "below" | "above"> {
  let [words, least, most] = [0, 0, 0];
  for (let query = 0; query < n; query++) {
    for (let key = 0; key < n; key++) {
      const value = values[query * n + key]!;
      if (Number.isNaN(value)) continue;
      least = Math.min(least, value);
      most = Math.max(most, value);
      if (query !== key && !special.has(query) && !special.has(key)) {
        words = Math.max(words, Math.abs(value));
      }
    }
  }
  // Rounding alone is no difference.
  const found = [words, Math.max(-least, most), largest((relevance ?? []).map(Math.abs))];
  const half = niceCeiling(found.find((size) => size > 1e-6) ?? 1e-3);
  const edge = half * (1 + 1e-9);
  return { half, below: least < -edge, above: most > edge };
}

/** Flows have no mean that says anything: each is a maximum of its own. */
function columnMeans(
  values: Float64Array,
  n: number,
  from: readonly MatrixView[],
): Float64Array | null {
  if (from.some(({ method }) => method === "flow")) return null;
  const means = new Float64Array(n);
  for (let i = 0; i < values.length; i++) means[i % n]! += values[i]! / n;
  return means.some(Number.isNaN) || means.every((mean) => Math.abs(mean) < 1e-6) ? null : means;
}

/** A thousandth of a point. */
const ALIKE = 1e-5;

/** Every edge that either has and that differs, once. */
function subtractEdges(
  a: BlockEdges,
  b: BlockEdges,
  unitA: number,
  unitB: number,
  n: number,
): BlockEdges {
  const at = new Map<number, number>();
  const differences: number[] = [];
  const add = ({ query, key, value }: BlockEdges, unit: number) => {
    for (let e = 0; e < value.length; e++) {
      const name = query[e]! * n + key[e]!;
      let index = at.get(name);
      if (index === undefined) {
        index = differences.length;
        at.set(name, index);
        differences.push(0);
      }
      differences[index]! += unit * value[e]!;
    }
  };
  add(a, unitA);
  add(b, -unitB);
  const order = ascending(
    // Where both are alike, rounding alone is left, and is no edge.
    Float64Array.from(differences, (value) => (Math.abs(value) < ALIKE ? 0 : Math.abs(value))),
  );
  const names = Array.from(at.keys());
  return {
    block: a.block,
    query: Int32Array.from(order, (i) => Math.floor(names[i]! / n)),
    key: Int32Array.from(order, (i) => names[i]! % n),
    value: Float64Array.from(order, (i) => differences[i]!),
  };
}

export const MINUS = "\u2212";

/** "+5", "−13": points in whole numbers, flows with two decimals; "" for what rounds to nothing. */
export function signed(value: number, flow: boolean): string {
  const size = Math.abs(value);
  const text = flow ? size.toFixed(2) : String(Math.round(100 * size));
  return Number.isNaN(value) || Number(text) === 0 ? "" : `${value < 0 ? MINUS : "+"}${text}`;
}

/** Three significant digits for a tooltip: "+5.31 points", "−0.127". */
export function exactSigned(value: number, flow: boolean): string {
  if (Number.isNaN(value)) return "still computing";
  const size = Math.abs(flow ? value : 100 * value);
  const text = size < 0.001 ? "0" : size < 0.1 ? size.toFixed(3) : size.toPrecision(3);
  const sign = text === "0" ? "±" : value < 0 ? MINUS : "+";
  return flow ? `${sign}${text}` : `${sign}${text}\u00a0points`;
}

/** Whether a difference is worth a stronger label: from two points, and from half of the largest
 * flow, since flows differ nearly everywhere. */
export function standsOut({ relevance, flow }: Difference, value: number): boolean {
  if (!flow || relevance === null) return Math.abs(value) >= 0.02;
  return Math.abs(value) >= largest(relevance.map(Math.abs)) / 2;
}
