/**
 * One frame: everything the views need to draw, derived from the synced state and the ephemeral
 * state once (`framing.ts`) and read by every view. Views never look at the model themselves.
 */
import type { Theme } from "./color";
import type { TokenText } from "./format";
import type { Hovered } from "./hover";
import type { Scale } from "./layout/scale";
import type {
  Binding,
  ColorScale,
  Fusion,
  GraphNode,
  Heads,
  Method,
  Overlay,
  Pin,
  Progress,
} from "./model";
import type { PictureFormat } from "./scene";
import type { Trace } from "./trace";

export type Size = "wide" | "medium" | "narrow";
export type Tab = "graph" | "matrix" | "heads";

/** Every head at a glance, decoded. */
export interface HeadsView {
  /** Rows and columns of each small map. */
  side: number;
  /** (layers, heads, side, side), each map on its own scale. */
  maps: Uint8Array;
  /** (layers, heads): what 255 stands for, and the mean entropy of the rows in bits. */
  tops: Float32Array;
  entropy: Float32Array;
}

/** What each head carries of the selection; `shares[0]` is block `start`. */
export interface SharesView {
  start: number;
  shares: Float32Array[];
}

/** One of two compared pictures. */
export interface ComparedView {
  pin: Pin;
  matrix: MatrixView;
  trace: Trace;
}

export interface MatrixView {
  method: Method;
  n: number;
  /** Level of the rows (queries) and of the columns (keys). */
  rowLevel: number;
  columnLevel: number;
  /** Row-major, rows = queries. NaN = still being computed. */
  values: Float64Array;
  /** Whether they are multiples of what even attention gives. */
  even?: boolean;
  /** Of the whole matrix: what the legend shows. */
  scale: Scale;
  /** The scale of a row's colours: `scale`, unless each row has its own. */
  scaleOf(query: number): Scale;
  bindingAt(query: number, key: number): Binding | null;
}

/** A vision model's patches and the image behind them. */
export interface ImageView {
  rows: number;
  columns: number;
  /** The place of each patch among the tokens of the frame, row by row. */
  places: readonly number[];
  /** The tokens that are no patches: CLS, registers. */
  others: readonly number[];
  /** RGBA. */
  pixels: { pixels: Uint8ClampedArray<ArrayBuffer>; columns: number; rows: number } | null;
}

export interface Frame {
  width: number;
  height: number;
  size: Size;
  /** Which of graph, matrix and heads shows when the widget is narrow. */
  tab: Tab;
  theme: Theme;
  /** What is shown as tokens: words where pieces are merged, without what is hidden. Every index
   * of a token in a frame is one into this list. */
  tokens: TokenText[];
  /** The same as rows, which in generated text also name what their state produced. */
  readers: readonly TokenText[];
  /** What blocks are called that are no plain layers; else empty. */
  blocks: readonly string[];
  /** The kernel's tokens that each of them stands for. */
  members: readonly (readonly number[])[];
  special: ReadonlySet<number>;
  /** What is left out of the view. */
  hidden: readonly TokenText[];
  /** What attention does not read. */
  dropped: ReadonlySet<number>;
  /** What tokens stand for in a vision model; null in others. */
  image: ImageView | null;
  overlay: Overlay;
  overlayOpacity: number;
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
  /** Whether the figures are to be, and whether they are, multiples of what even attention gives. */
  baseline: boolean;
  even: boolean;
  colorScale: ColorScale;
  scaleRows: boolean;
  mergeWords: boolean;
  /** Whether there are pieces to merge, and special tokens to hide or drop. */
  hasPieces: boolean;
  hasSpecial: boolean;
  hideSpecial: boolean;
  dropSpecial: boolean;
  headsOpen: boolean;
  headMaps: HeadsView | null;
  headShares: SharesView | null;
  pins: readonly Pin[];
  /** Indices of two pins whose difference is asked for; the pictures come when they are ready. */
  compared: readonly [a: number, b: number] | null;
  comparison: { a: ComparedView; b: ComparedView } | null;
  selected: GraphNode[];
  matrix: MatrixView | null;
  trace: Trace | null;
  /** What had to be made up for the numbers. */
  note: string;
  hovered: Hovered | null;
  progress: Progress | null;
  error: string;
}

/** What only this view knows; owned by `widget.ts`, changed through its actions. */
export interface ViewState {
  width: number;
  /** Height of the screen while the widget fills it. */
  screen: number | null;
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
  setBaseline(on: boolean): void;
  setMassShown(share: number): void;
  setTopHead(head: number | null): void;
  setColorScale(scale: ColorScale): void;
  setScaleRows(on: boolean): void;
  setMergeWords(on: boolean): void;
  setOverlay(overlay: Overlay): void;
  setOverlayOpacity(opacity: number): void;
  /** Leave special tokens out of the view; no number changes. */
  setHideSpecial(on: boolean): void;
  /** Take special tokens out of the graph; the numbers change. */
  setDropSpecial(on: boolean): void;
  toggleHeads(): void;
  /** Keep the selection with its settings. */
  pinCurrent(): void;
  /** Take up a pin's settings and selection. */
  showPin(index: number): void;
  removePin(index: number): void;
  /** An empty name asks the kernel for one. */
  renamePin(index: number, name: string): void;
  /** Show pin a minus pin b. */
  compare(a: number, b: number): void;
  swapCompared(): void;
  endComparison(): void;
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
  /** Download the picture. */
  savePicture(format: PictureFormat): void;
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
