/** Frames for the stage: what the kernel sent for a real sentence, and made-up ones of any size. */

import { makeTheme } from "../src/color";
import { type Frame, sizeOf, type ViewState } from "../src/frame";
import { FrameBuilder } from "../src/framing";
import type { Measure } from "../src/layout/text";
import { Model, type ShownMatrix, type ShownTrace, type WidgetState } from "../src/model";
import type { BlockEdges, Trace } from "../src/trace";
import type { WireArray } from "../src/wire";
import flowState from "./fixtures/trophy_flow.json";
import rolloutState from "./fixtures/trophy_rollout.json";
import { frameOf, matrixOf } from "./frames";

/** Widths of a plain sans serif, near enough to lay labels out without a browser. */
export const measure: Measure = (text, size, weight) =>
  [...text].length * size * (0.5 + weight / 10000);

type Json = typeof rolloutState | typeof flowState;

function decoded(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** Arrays get their bytes back, as a host hands them over. */
function revived<T>(value: unknown): T {
  if (Array.isArray(value)) return value.map((entry) => revived(entry)) as T;
  if (typeof value !== "object" || value === null) return value as T;
  const entries = Object.entries(value).map(([name, entry]) => [
    name,
    name === "view" ? decoded(entry as string) : revived(entry),
  ]);
  return Object.fromEntries(entries) as T;
}

/** What the stored states leave at its default. */
type Added =
  | "drop"
  | "baseline"
  | "color_scale"
  | "scale_rows"
  | "merge_words"
  | "hide_special"
  | "heads_open"
  | "overlay"
  | "overlay_opacity"
  | "picture"
  | "blocks"
  | "produced"
  | "pins"
  | "compared"
  | "words"
  | "head_maps"
  | "head_shares"
  | "shown_comparison"
  | "note";

/** The state of a widget as the kernel sent it. */
export function stateOf(json: Json): WidgetState {
  const { shown_matrix, shown_trace, ...plain } = json;
  return {
    drop: [],
    baseline: null,
    color_scale: "words",
    scale_rows: false,
    merge_words: false,
    hide_special: false,
    heads_open: false,
    overlay: "contour",
    overlay_opacity: 0.9,
    picture: {},
    blocks: [],
    produced: [],
    pins: [],
    compared: [],
    words: {},
    head_maps: {},
    head_shares: {},
    shown_comparison: {},
    note: "",
    ...(plain as unknown as Omit<WidgetState, Added>),
    shown_matrix: revived<ShownMatrix>(shown_matrix),
    shown_trace: revived<ShownTrace>(shown_trace),
    progress: {},
    error: "",
  };
}

export const sent = {
  rollout: () => stateOf(rolloutState),
  flow: () => stateOf(flowState),
};

/** A model that holds a state and tells nobody. */
export function wrapped(state: WidgetState): Model {
  const model = {
    get: <K extends keyof WidgetState>(name: K) => state[name],
    set: () => undefined,
    save_changes: () => undefined,
    on: () => undefined,
    off: () => undefined,
    send: () => undefined,
  };
  return new Model(
    model as unknown as ConstructorParameters<typeof Model>[0],
    new AbortController().signal,
  );
}

/** A frame of a state, by the same builder as in the widget. */
export function frameFrom(state: WidgetState, given: Partial<Frame> = {}): Frame {
  const width = given.width ?? 1200;
  const view: ViewState = {
    ...{ width, screen: null, tab: "graph" as const, fusion: "mean" as const },
    ...{ hovered: null, localError: "" },
  };
  return { ...new FrameBuilder(wrapped(state)).build(view, makeTheme(false)), ...given };
}

/** A generator of numbers in [0, 1) that is the same everywhere. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function layerMaps(n: number, blocks: number, next: () => number): Float64Array[] {
  return Array.from({ length: blocks }, () => {
    const map = new Float64Array(n * n);
    for (let query = 0; query < n; query++) {
      let sum = 0;
      for (let key = 0; key < n; key++) {
        const weight = next() ** 6 + (query === key ? 0.5 : 0) + (key === 0 ? 0.6 : 0);
        map[query * n + key] = weight;
        sum += weight;
      }
      for (let key = 0; key < n; key++) map[query * n + key]! /= sum;
    }
    return map;
  });
}

/** The walk from a source down: the reference for what the stage draws. */
export function walk(n: number, blocks: number, source: number | null, seed = 1): Trace {
  const maps = layerMaps(n, blocks, random(seed));
  const nodes: Float64Array[] = Array.from({ length: blocks + 1 }, () => new Float64Array(n));
  if (source === null) nodes[blocks]!.fill(1 / n);
  else nodes[blocks]![source] = 1;
  const edges: BlockEdges[] = [];
  for (let block = blocks - 1; block >= 0; block--) {
    const found: [query: number, key: number, value: number][] = [];
    for (let query = 0; query < n; query++) {
      for (let key = 0; key < n; key++) {
        const value = nodes[block + 1]![query]! * maps[block]![query * n + key]!;
        if (value <= 0) continue;
        nodes[block]![key]! += value;
        found.push([query, key, value]);
      }
    }
    found.sort((a, b) => a[2] - b[2]);
    edges.unshift({
      block,
      query: Int32Array.from(found, ([query]) => query),
      key: Int32Array.from(found, ([, key]) => key),
      value: Float64Array.from(found, ([, , value]) => value),
    });
  }
  return {
    method: "rollout",
    start: 0,
    stop: blocks,
    n,
    sources: source === null ? null : [source],
    sinks: null,
    nodes,
    blocks: edges,
    context: source === null ? [] : [{ block: 0, query: 0, key: n - 1 }],
    total: 1,
    relevance: nodes[0]!,
    even: null,
    direction: "down",
    flow: null,
    relevanceBinding: null,
  };
}

/** A made-up frame of any size, with a walk and a matrix. */
export function stageFrame(
  n: number,
  blocks: number,
  given: Partial<Frame> = {},
  source: number | null = Math.floor(n / 2),
): Frame {
  const text = Array.from({ length: n }, (_, i) => (i === 0 ? "[CLS]" : `word${i}`));
  const next = random(7);
  const values = Float64Array.from({ length: n * n }, () => next() ** 4 / n);
  const width = given.width ?? 1200;
  return frameOf(
    {
      levels: [0, blocks],
      nLayers: blocks,
      selected: source === null ? [] : [[blocks, source]],
      trace: walk(n, blocks, source),
      matrix: matrixOf(values, { rowLevel: blocks }),
      size: sizeOf(width),
      ...given,
    },
    text,
  );
}

/** The bytes of numbers, as the kernel packs them. */
export function packed(values: Float32Array | Int32Array | Uint8Array, shape: number[]): WireArray {
  const dtype =
    values instanceof Float32Array ? "float32" : values instanceof Int32Array ? "int32" : "uint8";
  const { buffer, byteOffset, byteLength } = values;
  return { view: new DataView(buffer, byteOffset, byteLength), dtype, shape };
}
