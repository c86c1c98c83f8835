/** Frames to hand to the sentence and the views: a small made-up text, every part typed. */
import { makeTheme } from "../src/color";
import { displayTokens } from "../src/format";
import type { Context, Frame, MatrixView } from "../src/frame";
import { matrixScale } from "../src/layout/scale";
import type { Binding } from "../src/model";
import type { Trace } from "../src/trace";

export const TEXT = ["[CLS]", "the", "trophy", "fits", "it", "big", ".", "[SEP]"];

export function rowOf(values: Record<number, number>, n = TEXT.length): Float64Array {
  const row = new Float64Array(n);
  for (const [token, value] of Object.entries(values)) row[Number(token)] = value;
  return row;
}

/** A rollout trace from token 4 ('it') at layer 4, unless told otherwise. */
export function traceOf(given: Partial<Trace> = {}): Trace {
  return {
    method: "rollout",
    start: 0,
    stop: 4,
    n: TEXT.length,
    sources: [4],
    sinks: null,
    nodes: [],
    blocks: [],
    context: [],
    total: 1,
    relevance: rowOf({ 0: 0.21, 2: 0.09, 3: 0.05, 4: 0.43, 5: 0.09, 6: 0.03, 7: 0.1 }),
    even: null,
    direction: "down",
    flow: null,
    relevanceBinding: null,
    ...given,
  };
}

export function flowOf(value: number, binding: Binding): NonNullable<Trace["flow"]> {
  return { value, bound: 1, binding, cut: [], sourceSide: [] };
}

export function matrixOf(values: Float64Array, given: Partial<MatrixView> = {}): MatrixView {
  const n = Math.round(Math.sqrt(values.length));
  const scale = matrixScale(values, n, new Set([0, n - 1]), given.method === "flow");
  return {
    method: "rollout",
    n,
    rowLevel: 4,
    columnLevel: 0,
    values,
    scale,
    scaleOf: () => scale,
    bindingAt: () => null,
    ...given,
  };
}

export function frameOf(given: Partial<Frame> = {}, text: readonly string[] = TEXT): Frame {
  const special = new Set(text.flatMap((token, i) => (/^\[(CLS|SEP)\]$/.test(token) ? [i] : [])));
  const tokens = displayTokens(text, special);
  return {
    width: 1200,
    height: 560,
    size: "wide",
    tab: "graph",
    theme: makeTheme(false),
    tokens,
    readers: tokens,
    blocks: [],
    members: tokens.map((_, token) => [token]),
    special,
    hidden: [],
    dropped: new Set(),
    image: null,
    overlay: "contour",
    overlayOpacity: 0.9,
    n: tokens.length,
    nLayers: 6,
    nHeads: 12,
    method: "rollout",
    levels: [0, 4],
    heads: "mean",
    fusion: "mean",
    topHead: null,
    residual: 0.65,
    residualPerLayer: null,
    massShown: 0.9,
    baseline: false,
    even: false,
    colorScale: "words",
    scaleRows: false,
    mergeWords: false,
    hasPieces: true,
    hasSpecial: true,
    hideSpecial: false,
    dropSpecial: false,
    headsOpen: false,
    headMaps: null,
    headShares: null,
    pins: [],
    compared: null,
    comparison: null,
    selected: [[4, 4]],
    matrix: null,
    trace: null,
    hovered: null,
    note: "",
    progress: null,
    error: "",
    ...given,
  };
}

export type Call = [action: string, ...given: unknown[]];

/** A context whose actions only write down what was asked. */
export function recorder(signal: AbortSignal): { context: Context; calls: Call[] } {
  const calls: Call[] = [];
  const note =
    (action: string) =>
    (...given: unknown[]): void => {
      calls.push([action, ...given]);
    };
  const actions = new Proxy({} as Context["actions"], {
    get: (_, action) => note(String(action)),
  });
  return { context: { signal, invalidate: note("invalidate"), actions }, calls };
}
