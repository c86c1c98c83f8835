/**
 * The synced state and the only access to anywidget's model; the twin of `state.py`.
 * Same snake_case names as in Python; a test compares the two.
 */
import type { AnyModel } from "@anywidget/types";
import { onEnd } from "./ending";
import type { WireArray } from "./wire";

export type Method = "attention" | "rollout" | "flow";
export type Fusion = "mean" | "max" | "min";
export type Heads = Fusion | number | number[];
interface OfMethod {
  method: Method;
}

export function isFlow(of: OfMethod | null | undefined): boolean {
  return of?.method === "flow";
}

export function isAttention(of: OfMethod | null | undefined): boolean {
  return of?.method === "attention";
}

/** [level, token]; level 0 is the input, level l the output of layer l. */
export type GraphNode = [level: number, token: number];

/** The matrix on show: rows = queries at `levels[1]`, columns = keys at `levels[0]`. */
export interface ShownMatrix {
  method: Method;
  levels: [number, number];
  /** (degree + 1, n, n) terms in the residual, see `trace.ts`; degree 0 is the matrix itself.
   * Cells that are still being computed are NaN. */
  terms: WireArray;
  /** The same of even attention, where shares are divided by it. */
  even?: WireArray | null;
  /** Flow only, (n, n): what limits each cell, an index into `BINDINGS`. */
  binding: WireArray | null;
}

export const BINDINGS = ["interior", "source", "sink", "both", "none", "unknown"] as const;
export type Binding = (typeof BINDINGS)[number];

/** What the selection carries; `evaluateTrace` in `trace.ts` turns it into numbers to draw. */
export interface ShownTrace {
  method: Method;
  /** The levels between which the trace runs; may be narrower than the shown range. */
  levels: [number, number];
  /** Selected tokens at the upper end, and at the lower end; null = every token there. */
  sources: number[] | null;
  sinks: number[] | null;
  /** "walk": masses are down * up, edges down * A * up. "flow": masses and edges are given. */
  kind: "walk" | "flow";
  /** Walk: the terms of each level's masses, from `levels[0]` to `levels[1]`, stacked, n columns.
   * With `polynomial`, level l has (stop - l + 1) rows in `down` and (l - start + 1) in `up`;
   * without, one row a level. Flow: one row a level in `down`: the flow through each node. */
  polynomial: boolean;
  down: WireArray;
  up: WireArray | null;
  /** (edges, 3) int32: layer map index (block), query, key. */
  edges: WireArray;
  /** (edges,) float32. Walk with `mixed`: attention before the residual; else the final value. */
  weights: WireArray;
  /** Walk: whether the browser still has to mix the residual into `weights`. */
  mixed: boolean;
  /** (edges, 3) int32: strongest edges of the mean trace, drawn faintly behind a selection. */
  context: WireArray | null;
  /** What even attention gives each token, as terms like `down`, where shares are divided by it. */
  even?: WireArray | null;
  /** Flow: relevance of every token for the source (NaN = not computed yet); null for walks. */
  relevance: WireArray | null;
  /** Flow: binding code of every entry of `relevance`. */
  relevance_binding: WireArray | null;
  value: number | null;
  bound: number | null;
  binding: Binding | null;
  /** Flow through a pair: (cut edges, 3) and their capacities, and the nodes before the cut. */
  cut: WireArray | null;
  cut_capacity: WireArray | null;
  source_side: WireArray | null;
}

/** Kernel work in progress; `fraction` is null while it cannot be told. */
export interface Progress {
  text: string;
  fraction: number | null;
}

export type ColorScale = "words" | "linear" | "sqrt" | "log";
export type Overlay = "contour" | "heat";

/** A vision model's patches, row by row from token `first` on, and its image. */
export interface Picture {
  grid: [rows: number, columns: number];
  first: number;
  /** (height, width) or (height, width, 3) uint8. */
  image: WireArray | null;
}

/** A selection kept with its settings. */
export interface Pin {
  name: string;
  method: Method;
  levels: [number, number];
  heads: Heads;
  top_head: number | null;
  residual: number | number[];
  drop: number[];
  baseline: "uniform" | null;
  selected: GraphNode[];
}

/** One of two compared pictures; evaluated by the kernel, so no terms in the residual. */
export interface Compared {
  matrix: ShownMatrix;
  trace: ShownTrace;
}

export interface Words {
  labels: string[];
  /** The word of each token, rising without gaps. */
  of_token: number[];
}

/** Every head at a glance. */
export interface HeadMaps {
  /** (layers, heads, size, size) uint8, each map on its own scale. */
  maps: WireArray;
  /** (layers, heads) float32: what 255 stands for. */
  tops: WireArray;
  /** (layers, heads) float32: mean entropy of the rows in bits, 0 to log2(n). */
  entropy: WireArray;
}

/** What each head carries of the selection. */
export interface HeadShares {
  levels: [number, number];
  /** (blocks, heads) float32; rows sum to 1. */
  shares: WireArray;
}

type Maybe<T> = T | Record<string, never>;

export interface WidgetState {
  /** Two-way settings. */
  method: Method;
  levels: [number, number];
  heads: Heads;
  top_head: number | null;
  residual: number | number[];
  drop: number[];
  baseline: "uniform" | null;
  selected: GraphNode[];
  mass_shown: number;
  color_scale: ColorScale;
  scale_rows: boolean;
  merge_words: boolean;
  hide_special: boolean;
  heads_open: boolean;
  height: number;
  overlay: Overlay;
  overlay_opacity: number;
  pins: Pin[];
  compared: number[];
  /** From the kernel. */
  tokens: string[];
  special: number[];
  picture: Maybe<Picture>;
  blocks: string[];
  produced: (string | null)[];
  n_layers: number;
  n_heads: number;
  shown_matrix: Maybe<ShownMatrix>;
  shown_trace: Maybe<ShownTrace>;
  shown_comparison: Maybe<{ a: Compared; b: Compared }>;
  words: Maybe<Words>;
  head_maps: Maybe<HeadMaps>;
  head_shares: Maybe<HeadShares>;
  note: string;
  progress: Maybe<Progress>;
  error: string;
}

/** "stop": end the running computation. "view": a view has opened. "picture": the answer to a
 * picture that the kernel asked for; its bytes travel beside it. */
export type Message =
  | { type: "stop" }
  | { type: "view" }
  | { type: "picture"; id: number; format: "svg" | "png"; error?: string };

/** Milliseconds between two messages of a drag that the browser draws by itself. */
const DRAG_MS = 150;

/** Typed access to the synced state. Writes of one animation frame travel as one message. */
export class Model {
  readonly #model: AnyModel<WidgetState>;
  readonly #signal: AbortSignal;
  /** What is written and not sent yet goes with the next frame, or when the timer ends. */
  #unsent: "frame" | "timer" | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #lastSent = Number.NEGATIVE_INFINITY;

  constructor(model: AnyModel<WidgetState>, signal: AbortSignal) {
    this.#model = model;
    this.#signal = signal;
    onEnd(signal, () => this.flush());
  }

  get<K extends keyof WidgetState>(name: K): WidgetState[K] {
    return this.#model.get(name);
  }

  set<K extends keyof WidgetState>(name: K, value: WidgetState[K], drag = false): void {
    this.#model.set(name, value);
    if (this.#unsent === "frame") return;
    const wait = drag ? this.#lastSent + DRAG_MS - performance.now() : 0;
    if (wait > 0) {
      if (this.#unsent === null) this.#timer = setTimeout(() => this.flush(), wait);
      this.#unsent = "timer";
    } else {
      this.#unsent = "frame";
      requestAnimationFrame(() => this.flush());
    }
  }

  /** Several at once; they travel as one message. With `drag` the kernel hears of it at its ease:
   * for what is drawn without it. */
  update(change: Partial<WidgetState>, drag = false): void {
    const set = <K extends keyof WidgetState>(name: K): void => {
      const value = change[name];
      if (value !== undefined) this.set(name, value, drag);
    };
    for (const name of Object.keys(change)) set(name as keyof WidgetState);
  }

  /** Send now what has not been sent: at the end of a drag, and when the view goes. */
  flush(): void {
    if (this.#unsent === null) return;
    this.#unsent = null;
    clearTimeout(this.#timer);
    this.#lastSent = performance.now();
    this.#model.save_changes();
  }

  onChange(names: readonly (keyof WidgetState)[], listener: () => void): void {
    for (const name of names) this.#on(`change:${name}`, listener);
  }

  /** Listen to what the kernel asks this view. */
  onMessage(listener: (content: unknown) => void): void {
    this.#on("msg:custom", (content: unknown) => listener(content));
  }

  #on(event: Parameters<AnyModel["on"]>[0], listener: (content: unknown) => void): void {
    this.#model.on(event, listener);
    onEnd(this.#signal, () => this.#model.off(event, listener));
  }

  /** A one-shot message to the kernel, with bytes. */
  send(message: Message, buffers: ArrayBuffer[] = []): void {
    this.#model.send(message, undefined, buffers);
  }
}
