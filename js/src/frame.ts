/**
 * One frame: everything the views need to draw, derived from the synced state and the ephemeral
 * state, computed once and read by every view. Views never look at the model themselves.
 */
import type { Theme } from "./color";
import { displayTokens, type TokenText } from "./format";
import type { Hovered } from "./hover";
import { matrixScale, type Scale } from "./layout/scale";
import type {
  Fusion,
  GraphNode,
  Heads,
  Method,
  Model,
  Progress,
  ShownMatrix,
  ShownTrace,
} from "./model";
import { BINDINGS, type Binding } from "./model";
import { evaluateMatrix, evaluateTrace, type Trace } from "./trace";
import { decode } from "./wire";

export type Size = "wide" | "medium" | "narrow";
export type Tab = "graph" | "matrix";

export interface MatrixView {
  method: Method;
  n: number;
  /** Level of the rows (queries) and of the columns (keys). */
  rowLevel: number;
  columnLevel: number;
  /** Row-major, rows = queries. NaN = still being computed. */
  values: Float64Array;
  scale: Scale;
  bindingAt(query: number, key: number): Binding | null;
}

export interface Frame {
  width: number;
  height: number;
  size: Size;
  /** Which of graph and matrix shows when the widget is narrow. */
  tab: Tab;
  theme: Theme;
  tokens: TokenText[];
  special: ReadonlySet<number>;
  n: number;
  nLayers: number;
  nHeads: number;
  method: Method;
  levels: [number, number];
  heads: Heads;
  /** The fusion that "All heads" stands for: the last one in use. */
  fusion: Fusion;
  topHead: number | null;
  /** What the slider shows; with one residual a layer, their mean. */
  residual: number;
  residualPerLayer: number[] | null;
  massShown: number;
  selected: GraphNode[];
  matrix: MatrixView | null;
  trace: Trace | null;
  hovered: Hovered | null;
  progress: Progress | null;
  error: string;
}

/** What only this view knows; owned by `widget.ts`, changed through its actions. */
export interface ViewState {
  width: number;
  tab: Tab;
  fusion: Fusion;
  hovered: Hovered | null;
  /** An error raised in the browser itself. */
  localError: string;
}

/** What a view may ask for. Views call these; they change nothing themselves. */
export interface Actions {
  setMethod(method: Method): void;
  setLevels(start: number, stop: number): void;
  setHeads(heads: Heads): void;
  setResidual(residual: number): void;
  setMassShown(share: number): void;
  /** "replace": this node alone. "pair": join it to the selection as its other end. "add": toggle
   * it within the set of its level. */
  select(node: GraphNode, how: "replace" | "pair" | "add"): void;
  setSelected(nodes: GraphNode[]): void;
  hover(hovered: Hovered | null): void;
  setTab(tab: Tab): void;
  dismissError(): void;
  /** Ask the kernel to stop the running computation. */
  stop(): void;
  toggleFullScreen(): void;
}

/** What every view is given. */
export interface Context {
  /** Listeners, observers and timers end with this signal. */
  signal: AbortSignal;
  actions: Actions;
  /** Draw again in the next animation frame, e.g. after the view's own size changed. */
  invalidate(): void;
}

export interface View {
  readonly el: HTMLElement;
  update(frame: Frame): void;
}

export function sizeOf(width: number): Size {
  if (width >= 1080) return "wide";
  return width >= 720 ? "medium" : "narrow";
}

/** Remembers what the last frame derived, so that a hover costs no numerics. */
export class FrameBuilder {
  readonly #model: Model;
  #matrixKey: readonly unknown[] = [];
  #matrix: MatrixView | null = null;
  #traceKey: readonly unknown[] = [];
  #trace: Trace | null = null;
  #tokensKey: readonly unknown[] = [];
  #tokens: TokenText[] = [];
  #special: ReadonlySet<number> = new Set();

  constructor(model: Model) {
    this.#model = model;
  }

  build(view: ViewState, theme: Theme): Frame {
    const model = this.#model;
    const given = model.get("residual");
    const perLayer = Array.isArray(given) ? given : null;
    const residual =
      perLayer === null ? (given as number) : perLayer.reduce((a, b) => a + b, 0) / perLayer.length;
    this.#readTokens(model.get("tokens"), model.get("special"));
    return {
      width: view.width,
      height: model.get("height"),
      size: sizeOf(view.width),
      tab: view.tab,
      theme,
      tokens: this.#tokens,
      special: this.#special,
      n: this.#tokens.length,
      nLayers: model.get("n_layers"),
      nHeads: model.get("n_heads"),
      method: model.get("method"),
      levels: model.get("levels"),
      heads: model.get("heads"),
      fusion: view.fusion,
      topHead: model.get("top_head"),
      residual,
      residualPerLayer: perLayer,
      massShown: model.get("mass_shown"),
      selected: model.get("selected"),
      matrix: this.#readMatrix(model.get("shown_matrix"), residual),
      trace: this.#readTrace(model.get("shown_trace"), residual),
      hovered: view.hovered,
      progress: "text" in model.get("progress") ? (model.get("progress") as Progress) : null,
      error: view.localError || model.get("error"),
    };
  }

  #readTokens(tokens: string[], special: number[]): void {
    if (same(this.#tokensKey, [tokens, special])) return;
    this.#tokensKey = [tokens, special];
    this.#special = new Set(special);
    this.#tokens = displayTokens(tokens, this.#special);
  }

  #readMatrix(wire: ShownMatrix | Record<string, never>, residual: number): MatrixView | null {
    if (!("terms" in wire)) return null;
    const matrix = wire as ShownMatrix;
    const key = [matrix, matrix.terms.shape[0] === 1 ? null : residual, this.#special];
    if (same(this.#matrixKey, key)) return this.#matrix;
    this.#matrixKey = key;
    const n = matrix.terms.shape[1]!;
    const values = evaluateMatrix(matrix, residual);
    const codes = matrix.binding === null ? null : decode(matrix.binding, "uint8");
    this.#matrix = {
      method: matrix.method,
      n,
      rowLevel: matrix.levels[1],
      columnLevel: matrix.levels[0],
      values,
      scale: matrixScale(values, n, this.#special, matrix.method === "flow"),
      bindingAt: (query, column) => {
        const code = codes?.[query * n + column];
        return code === undefined ? null : (BINDINGS[code] ?? null);
      },
    };
    return this.#matrix;
  }

  #readTrace(wire: ShownTrace | Record<string, never>, residual: number): Trace | null {
    if (!("edges" in wire)) return null;
    const trace = wire as ShownTrace;
    const key = [trace, trace.polynomial || trace.mixed ? residual : null];
    if (same(this.#traceKey, key)) return this.#trace;
    this.#traceKey = key;
    this.#trace = evaluateTrace(trace, residual);
    return this.#trace;
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
