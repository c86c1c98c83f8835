/** What the kernel would send: the shown matrix and the shown trace. The twin of `shown.py`. */
import type { HeadMaps, HeadShares, ShownMatrix, ShownTrace } from "../model";
import type { WireArray } from "../wire";
import { type Analysis, startMasses } from "./analysis";
import { headMaps } from "./headmaps";
import type { Maps } from "./mixing";
import { downTerms, evaluateAt, massesDown, upTerms } from "./rollout";
import { isEmpty, isForward, isPolynomial, type Selection, type Settings } from "./settings";
import { largest } from "./strongest";

/** Up to this many tokens every edge is drawn from; above, those that can be the strongest. */
const ALL_EDGES = 64;
const EDGES_A_BLOCK = 1500;
const CONTEXT_A_BLOCK = 70;

/** Where on the slider the strongest edges are looked for. */
const PROBED_RESIDUALS = [0.2, 0.5, 0.8];

export function packFloats(values: Float64Array, shape: number[]): WireArray {
  return { view: Float32Array.from(values).buffer, dtype: "float32", shape };
}

function packTriples(triples: readonly number[]): WireArray {
  return { view: Int32Array.from(triples).buffer, dtype: "int32", shape: [triples.length / 3, 3] };
}

/** Levels of the shown matrix's columns and rows. */
export function matrixLevels({ method, levels }: Settings): [number, number] {
  const [start, stop] = levels;
  return method === "attention" ? [stop - 1, stop] : [start, stop];
}

/** `terms`: (degree + 1, n, n) numbers; degree 0 is the matrix itself. */
export function shownMatrix(
  settings: Settings,
  terms: Float64Array,
  n: number,
  even: Float64Array | null = null,
): ShownMatrix {
  return {
    method: settings.method,
    levels: matrixLevels(settings),
    terms: packFloats(terms, [terms.length / (n * n), n, n]),
    even: even === null ? null : packFloats(even, [even.length / (n * n), n, n]),
    binding: null,
  };
}

/** What even attention gives each token: as terms where the trace is in terms. */
export function shownEven(even: Analysis, settings: Settings, selection: Selection): WireArray {
  const { n } = even.attention;
  if (!isPolynomial(settings)) return packFloats(even.relevance(settings, selection), [1, n]);
  const maps = even.between(even.fuse(settings).maps, settings, selection);
  const [top, bottom] = startMasses(selection, n);
  const terms = isForward(selection) ? upTerms(maps, bottom).at(-1)! : downTerms(maps, top)[0]!;
  return packFloats(terms, [terms.length / n, n]);
}

/** A walk, also where the method is flow: a flow to every input is one. */
export function shownTrace(
  analysis: Analysis,
  settings: Settings,
  selection: Selection,
  relevance: Float64Array | null,
): ShownTrace {
  const { n } = analysis.attention;
  const { start, stop } = selection;
  return {
    method: settings.method,
    levels: [start, stop],
    sources: selection.sources === null ? null : [...selection.sources],
    sinks: selection.sinks === null ? null : [...selection.sinks],
    value: null,
    bound: null,
    binding: null,
    cut: null,
    cut_capacity: null,
    source_side: null,
    relevance: relevance === null ? null : packFloats(relevance, [n]),
    relevance_binding: null,
    even: null,
    context: isEmpty(selection)
      ? null
      : analysis.context(settings, () => context(analysis, settings)),
    ...walk(analysis, settings, selection),
  };
}

function walk(
  analysis: Analysis,
  settings: Settings,
  selection: Selection,
): Pick<ShownTrace, "kind" | "polynomial" | "mixed" | "down" | "up" | "edges" | "weights"> {
  const { n } = analysis.attention;
  const polynomial = isPolynomial(settings);
  const maps = analysis.between(
    polynomial ? analysis.fuse(settings).maps : analysis.maps(settings),
    settings,
    selection,
  );
  const [top, bottom] = startMasses(selection, n);
  const [down, up] = polynomial
    ? [downTerms(maps, top), upTerms(maps, bottom)]
    : analysis.masses(settings, selection);
  const probes = (polynomial ? PROBED_RESIDUALS : [0]).map((residual) => ({
    residual,
    down: polynomial ? down.map((terms) => evaluateAt(terms, n, residual)) : down,
    up: polynomial ? up.map((terms) => evaluateAt(terms, n, residual)) : up,
  }));
  const triples: number[] = [];
  const weights: number[] = [];
  for (const [block, map] of maps.entries()) {
    for (const at of strongest(map, n, block, probes)) {
      triples.push(block + selection.start, Math.floor(at / n), at % n);
      weights.push(map[at]!);
    }
  }
  const packed = (levels: readonly Float64Array[]): WireArray => {
    const stacked = new Float64Array(levels.reduce((length, one) => length + one.length, 0));
    let at = 0;
    for (const level of levels) {
      stacked.set(level, at);
      at += level.length;
    }
    return packFloats(stacked, [stacked.length / n, n]);
  };
  return {
    kind: "walk",
    polynomial,
    mixed: polynomial,
    down: packed(down),
    up: packed(up),
    edges: packTriples(triples),
    weights: packFloats(Float64Array.from(weights), [weights.length]),
  };
}

interface Probe {
  /** Still to be mixed into the maps. */
  residual: number;
  down: readonly Float64Array[];
  up: readonly Float64Array[];
}

/** Positions in a map of the edges that carry something; the strongest of a large graph. */
function strongest(map: Float64Array, n: number, block: number, probes: Probe[]): number[] {
  const found = new Set<number>();
  const mass = new Float64Array(n * n);
  for (const { residual, down, up } of probes) {
    const [above, below] = [down[block + 1]!, up[block]!];
    for (let query = 0; query < n; query++) {
      const at = query * n;
      const share = (1 - residual) * above[query]!;
      for (let key = 0; key < n; key++) mass[at + key] = share * map[at + key]! * below[key]!;
      mass[at + query]! += residual * above[query]! * below[query]!;
    }
    const kept = n > ALL_EDGES ? largest(mass, EDGES_A_BLOCK) : mass.keys();
    for (const at of kept) if (mass[at]! > 0) found.add(at);
  }
  return [...found].sort((a, b) => a - b);
}

/** The strongest edges of the mean trace: what a selection is seen against. */
function context(analysis: Analysis, given: Settings): WireArray {
  // Where the residual moves they are those of its middle, and stay where they are.
  const settings = isPolynomial(given) ? { ...given, residual: PROBED_RESIDUALS[1]! } : given;
  const { n } = analysis.attention;
  const maps: Maps = analysis.maps(settings);
  const down = massesDown(maps, new Float64Array(n).fill(1 / n));
  const triples: number[] = [];
  for (const [block, map] of maps.entries()) {
    const mass = map.map((weight, at) => weight * down[block + 1]![Math.floor(at / n)]!);
    const order = largest(mass, CONTEXT_A_BLOCK).sort((a, b) => mass[b]! - mass[a]! || a - b);
    for (const at of order) triples.push(block + settings.levels[0], Math.floor(at / n), at % n);
  }
  return packTriples(triples);
}

export function shownHeadMaps(analysis: Analysis): HeadMaps {
  const { layers, heads } = analysis.attention;
  const { side, maps, tops, entropy } = headMaps(analysis.attention);
  return {
    maps: { view: maps, dtype: "uint8", shape: [layers, heads, side, side] },
    tops: packFloats(tops, [layers, heads]),
    entropy: packFloats(entropy, [layers, heads]),
  };
}

export function shownHeadShares(
  analysis: Analysis,
  settings: Settings,
  selection: Selection,
): HeadShares {
  const { start, stop } = selection;
  const shares = analysis.headShares(settings, selection);
  return {
    levels: [start, stop],
    shares: packFloats(shares, [stop - start, analysis.attention.heads]),
  };
}

/** Which rows were left without mass, in one sentence, if any were. */
export function note(analysis: Analysis, settings: Settings): string {
  const { emptyRows } = analysis.fuse(settings);
  const [row] = emptyRows;
  if (row === undefined) return "";
  const first = `‘${analysis.attention.tokens[row[1]]}’ in layer ${row[0] + 1}`;
  if (emptyRows.length === 1) return `${first} has nothing left to read: it keeps to itself.`;
  return `${first} and ${emptyRows.length - 1} more have nothing left to read: they keep to themselves.`;
}
