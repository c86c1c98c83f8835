/** Where everything on the stage lies: x and y of every zone. Pure. */
import type { Size, Tab } from "../frame";
import { largest } from "../numbers";
import { MAX_LABEL_WIDTH } from "./text";
import { type Span, WHOLE, type Zoom } from "./zoom";

/** Column labels lean: degrees above the horizontal. */
export const COLUMN_ANGLE = 52;
const SIN = Math.sin((COLUMN_ANGLE * Math.PI) / 180);
/** How far to the right a leaning label reaches, as a share of its length. */
export const COLUMN_LEAN = Math.cos((COLUMN_ANGLE * Math.PI) / 180);

/** Toolbar and sentence, which the page lays out above the token strip. */
const ABOVE: Record<Size, number> = { wide: 89, medium: 89, narrow: 121 };
export const MAX_PITCH = 26;
/** Under this pitch labels thin out. */
export const FULL_LABELS_PITCH = 12;
/** Columns closer than this cannot each have a label. */
const FULL_LABELS_WIDTH = 14;
const MAX_CELL_WIDTH = 19.5;
const MIN_ROWS_HEIGHT = 240;
/** Graph and matrix share a narrow widget in turn, and there is width enough to fill. */
const NARROW_EXTRA = 90;
/** Where no height is given, in px: enough for every row's label, within limits that a notebook
 * shows at once. */
const [LEAST_HEIGHT, MOST_HEIGHT] = [560, 640];
/** More tokens than this in view: columns of strips instead of discs. */
const COLUMN_TOKENS = 200;
/** Up to this many cells in view are rectangles, and more where they are high enough to have round
 * corners; others are the pixels of one image. */
const FEW_CELLS = 1500;
export const ROUND_CELL = 8;
const BAR_LENGTH = 62;
const MARGIN_HEIGHT = 22;

export interface ZoneInput {
  width: number;
  size: Size;
  tab: Tab;
  /** Target height of the whole widget; few rows make it lower. */
  height: number;
  stripHeight: number;
  n: number;
  /** Drawn width of each token's label. */
  labelWidths: readonly number[];
  /** The widest label of a row, where rows have labels of their own. */
  readerWidth?: number;
  /** Figures stand beside the outputs instead of the inputs (a trace upwards). */
  outputFigures: boolean;
  /** Sums of the cut stand under the graph. */
  sums: boolean;
  /** Whether what stands above is text, beside which the matrix may rise. */
  text?: boolean;
  /** Which rows and columns are in view. */
  zoom?: Zoom;
}

export interface Box {
  x: number;
  y: number;
  w: number;
  h: number;
}

export interface Zones {
  width: number;
  height: number;
  padding: number;
  /** How far the stage rises beside the token strip: its negative top margin. */
  overlap: number;
  pitch: number;
  /** How many tokens there are, in view or not. */
  tokens: number;
  /** The rows and the columns in view, in tokens. */
  rows: Span;
  columns: Span;
  /** Whether these are not all. */
  zoomed: boolean;
  /** Too many rows in view for discs of their own. */
  dense: boolean;
  /** Too many and too small cells in view for a rectangle each. */
  cellImage: boolean;
  /** Too many rows for a label each. */
  thin: boolean;
  /** Too many columns for a label each. */
  thinColumns: boolean;
  /** Widest a column label may be. */
  columnLabel: number;
  /** Upper edge of the first row in view, lower edge of the last. */
  top: number;
  bottom: number;
  /** Middle of the line of level heads. */
  headY: number;
  graph: { x0: number; x1: number } | null;
  /** Right end of the bars and their greatest length; 0 where only figures stay. */
  bars: { right: number; length: number };
  /** Right end of the input labels. */
  inputs: { right: number; width: number };
  /** Left end of the output labels; in a lone matrix they end at `right` instead. */
  outputs: { left: number; right: number; width: number };
  matrix: (Box & { cellW: number; cellH: number }) | null;
  margins: Box | null;
  legend: Box | null;
  sumsY: number | null;
  /** Room at the lower left that the page may lay its foot over. */
  foot: Box;
}

/** Widest a column label may be where only the strongest few are shown. */
export const THIN_COLUMN_WIDTH = 68;

/** How high the leaning column labels reach above the matrix. */
function columnHeight(widest: number, thin: boolean): number {
  return (thin ? Math.min(THIN_COLUMN_WIDTH, widest) : widest) * SIN + 14;
}

/** Room right of the matrix for the labels of its last columns. */
function columnOverhang(widths: readonly number[], cellW: number, padding: number): number {
  let over = 0;
  for (let j = 0; j < widths.length; j++) {
    const beyond = widths[j]! * COLUMN_LEAN + 6 - (widths.length - j - 0.5) * cellW;
    over = Math.max(over, beyond);
  }
  return Math.max(0, over - padding + 2);
}

/** The height that the whole widget aims at; 0 leaves it to the number of tokens. */
export function heightFor(given: number, n: number): number {
  const rows = ABOVE.wide + 140 + n * FULL_LABELS_PITCH;
  return given > 0 ? given : Math.min(MOST_HEIGHT, Math.max(LEAST_HEIGHT, rows));
}

/** Row pitch when the rows begin at `top`. */
function pitchFor(input: ZoneInput, top: number, below: number, beside: boolean): number {
  const narrow = input.size === "narrow";
  const above = ABOVE[input.size] + (beside ? 0 : input.stripHeight) - (narrow ? NARROW_EXTRA : 0);
  const room = Math.max(MIN_ROWS_HEIGHT, input.height - above - top - below);
  const exact = Math.min(MAX_PITCH, room / input.n);
  // Whole half pixels keep lanes crisp; thinned rows fill the height instead.
  return exact < FULL_LABELS_PITCH ? exact : Math.floor(exact * 2) / 2;
}

export function layoutZones(input: ZoneInput): Zones {
  const { width, size, n, labelWidths } = input;
  const narrow = size === "narrow";
  const showGraph = !narrow || input.tab === "graph";
  const showMatrix = !narrow || input.tab === "matrix";
  const padding = narrow ? 12 : 16;
  const labelWidth = Math.ceil(largest(labelWidths, 50));

  const outputWidth = Math.ceil(Math.max(labelWidth, input.readerWidth ?? 0));

  const beside = size === "wide" && n <= 64 && input.text !== false;
  const overlap = beside ? input.stripHeight : 0;
  const headRoom = showGraph ? overlap + (narrow ? 44 : 36) : 0;
  const below = narrow ? (showMatrix ? 84 : input.sums ? 40 : 16) : 72;
  const widestCell = narrow ? MAX_PITCH : MAX_CELL_WIDTH;
  const cellFor = (pitch: number, space: number) =>
    Math.min(widestCell, narrow ? 1.3 * pitch : pitch, space / n);

  const bars = narrow ? { right: padding + 26, length: 0 } : { right: 108, length: BAR_LENGTH };
  const rightGap = Math.max(100, 25 + outputWidth + (input.outputFigures ? 34 : 0) + 14);
  // A high picture, as on a full screen, leaves its cells more of the width.
  const matrixRoom = Math.max(312, 0.275 * width, Math.min(0.36 * width, input.height / 2));
  const sides = (thin: boolean) => {
    const lead = thin ? 26 : 12;
    // A selected input wears a pill, which needs more room than its label.
    const least = bars.right + (narrow ? 12 : 19) + labelWidth + lead;
    const x0 = Math.max(least, narrow ? 0 : thin ? 202 : 188);
    const left = padding + outputWidth + 14;
    const space = narrow
      ? width - left - padding
      : Math.min(matrixRoom, width - padding - x0 - rightGap - 170);
    return { x0, lead, left, space };
  };

  // Whether columns keep all labels decides how high they reach, and that the pitch in turn.
  const roomy = pitchFor(input, headRoom, below, beside);
  const thinColumns = cellFor(roomy, sides(roomy < FULL_LABELS_PITCH).space) < FULL_LABELS_WIDTH;
  const columnRoom = showMatrix ? columnHeight(labelWidth, thinColumns) + (beside ? 6 : 12) : 0;
  const top = Math.ceil(Math.max(headRoom, columnRoom));
  const pitch = pitchFor(input, top, below, beside);
  const thin = pitch < FULL_LABELS_PITCH;
  const bottom = top + n * pitch;
  const { x0, lead, left, space } = sides(thin);

  let matrix: Zones["matrix"] = null;
  if (showMatrix) {
    // A few thinned labels can be moved to the left; a label for each column cannot.
    const beyond = (cellW: number) =>
      thinColumns ? 0 : columnOverhang(labelWidths, cellW, padding);
    const cellW = cellFor(pitch, narrow ? space - beyond(cellFor(pitch, space)) : space);
    const w = n * cellW;
    const x = narrow ? left : width - padding - beyond(cellW) - w;
    matrix = { x, y: top, w, h: n * pitch, cellW, cellH: pitch };
  }

  const end = matrix !== null ? matrix.x - rightGap : width - padding - rightGap + 14;
  const graph = showGraph ? { x0, x1: Math.max(x0 + 40, end) } : null;
  const outputs =
    graph !== null
      ? { left: graph.x1 + 25, right: (matrix?.x ?? width) - padding, width: outputWidth }
      : { left: padding, right: padding + outputWidth, width: outputWidth };
  const { rows, columns } = input.zoom ?? WHOLE;
  const rowSpan = rows ?? { from: 0, to: n };
  const columnSpan = columns ?? { from: 0, to: n };
  const shownPitch = rows === null ? pitch : (bottom - top) / (rows.to - rows.from);
  if (matrix !== null) {
    if (columns !== null) matrix.cellW = matrix.w / (columns.to - columns.from);
    matrix.cellH = shownPitch;
  }
  const shownRows = rowSpan.to - rowSpan.from;
  const sumsY = input.sums && graph !== null ? bottom + (narrow ? 18 : 14) : null;
  const legendW = Math.min(150, width - 2 * padding);
  const legendX = matrix === null ? 0 : Math.max(padding + legendW, matrix.x + matrix.w) - legendW;
  return {
    width,
    height: Math.ceil(bottom + below),
    padding,
    overlap,
    pitch: shownPitch,
    tokens: n,
    rows: rowSpan,
    columns: columnSpan,
    zoomed: rows !== null || columns !== null,
    dense: shownRows > COLUMN_TOKENS,
    cellImage:
      shownRows * (columnSpan.to - columnSpan.from) > FEW_CELLS &&
      Math.min(matrix?.cellW ?? 0, shownPitch) < ROUND_CELL,
    thin: shownPitch < FULL_LABELS_PITCH,
    thinColumns: columns === null ? thinColumns : (matrix?.cellW ?? 0) < FULL_LABELS_WIDTH,
    columnLabel: thinColumns ? THIN_COLUMN_WIDTH : MAX_LABEL_WIDTH,
    top,
    bottom,
    headY: top - 15,
    graph,
    bars,
    inputs: { right: x0 - lead, width: labelWidth },
    outputs,
    matrix,
    margins: matrix && {
      x: matrix.x,
      y: bottom + (columns === null ? 6 : 12),
      w: matrix.w,
      h: MARGIN_HEIGHT,
    },
    legend: matrix && { x: legendX, y: bottom + 38, w: legendW, h: 8 },
    sumsY,
    // Below the sums stands what the cut's marks mean.
    foot: {
      x: padding,
      y: bottom + (sumsY === null ? 35 : 46),
      w: (matrix?.x ?? width) - 2 * padding,
      h: 28,
    },
  };
}

/** Middle of a token's row. */
export function rowY(zones: Zones, token: number): number {
  return zones.top + (token + 0.5 - zones.rows.from) * zones.pitch;
}

/** Middle of a token's column. */
export function columnX(zones: Zones, token: number): number {
  const { x, cellW } = zones.matrix!;
  return x + (token + 0.5 - zones.columns.from) * cellW;
}

/** Whether the middle of a row or column is in view. */
export function inView({ from, to }: Span, token: number): boolean {
  return token + 0.5 >= from && token + 0.5 <= to;
}

/** Tokens of which anything is in view: from `first` up to before `end`. */
export function viewed({ from, to }: Span): { first: number; end: number } {
  return { first: Math.floor(from + 1e-9), end: Math.ceil(to - 1e-9) };
}

/** What is drawn of the graph's inside and of the cells stays in here while rows are zoomed. */
export function graphClip(zones: Zones): Box | null {
  if (!zones.zoomed || zones.graph === null) return null;
  const { x0, x1 } = zones.graph;
  const { top, bottom } = zones;
  return { x: x0 - 24, y: top - 3, w: x1 - x0 + 48, h: bottom - top + 6 };
}

export function matrixClip(zones: Zones): Box | null {
  if (!zones.zoomed || zones.matrix === null) return null;
  const { x, y, w, h } = zones.matrix;
  return { x: x - 1, y: y - 1, w: w + 2, h: h + 2 };
}

/** x of the `index`-th of `count` levels, evenly spaced from input to output. */
export function levelX(zones: Zones, index: number, count: number): number {
  const { x0, x1 } = zones.graph!;
  return count <= 1 ? x1 : x0 + ((x1 - x0) * index) / (count - 1);
}

/** Widest the token strip may be so that it ends before the matrix and its labels. */
export function stripWidth(zones: Zones): number {
  if (zones.overlap === 0 || zones.matrix === null) return zones.width - 2 * zones.padding;
  return zones.matrix.x - zones.padding - 16;
}
