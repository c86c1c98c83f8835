/** Where everything on the stage lies: x and y of every zone. Pure. */
import type { Size, Tab } from "../frame";

/** Column labels lean: degrees above the horizontal. */
export const COLUMN_ANGLE = 52;
const SIN = Math.sin((COLUMN_ANGLE * Math.PI) / 180);
const COS = Math.cos((COLUMN_ANGLE * Math.PI) / 180);

/** Toolbar and sentence, which the page lays out above the token strip. */
const ABOVE: Record<Size, number> = { wide: 89, medium: 89, narrow: 121 };
const MAX_PITCH = 26;
/** Under this pitch labels thin out. */
export const FULL_LABELS_PITCH = 12;
const MAX_CELL_WIDTH = 19.5;
const MIN_ROWS_HEIGHT = 240;
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
  /** Figures stand beside the outputs instead of the inputs (a trace upwards). */
  outputFigures: boolean;
  /** Sums of the cut stand under the graph. */
  sums: boolean;
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
  /** Too many rows for a label each. */
  thin: boolean;
  /** Upper edge of the first row, lower edge of the last. */
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

/** How high the leaning column labels reach above the matrix. */
function columnHeight(widths: readonly number[]): number {
  return Math.max(0, ...widths) * SIN + 14;
}

/** Room right of the matrix for the labels of its last columns. */
function columnOverhang(widths: readonly number[], cellW: number, padding: number): number {
  let over = 0;
  for (let j = 0; j < widths.length; j++) {
    const beyond = widths[j]! * COS + 6 - (widths.length - j - 0.5) * cellW;
    over = Math.max(over, beyond);
  }
  return Math.max(0, over - padding + 2);
}

export function layoutZones(input: ZoneInput): Zones {
  const { width, size, n, labelWidths } = input;
  const narrow = size === "narrow";
  const showGraph = !narrow || input.tab === "graph";
  const showMatrix = !narrow || input.tab === "matrix";
  const padding = narrow ? 12 : 16;
  const labelWidth = Math.ceil(Math.max(50, ...labelWidths));

  const beside = size === "wide" && n <= 64;
  const overlap = beside ? input.stripHeight : 0;
  const headRoom = showGraph ? overlap + (narrow ? 44 : 36) : 0;
  const top = Math.ceil(
    Math.max(headRoom, showMatrix ? columnHeight(labelWidths) + (beside ? 6 : 12) : 0),
  );
  const below = narrow ? (showMatrix ? 68 : input.sums ? 40 : 16) : 72;
  const strip = beside ? 0 : input.stripHeight;
  const room = Math.max(MIN_ROWS_HEIGHT, input.height - ABOVE[size] - strip - top - below);
  const exact = Math.min(MAX_PITCH, room / n);
  const thin = exact < FULL_LABELS_PITCH;
  // Whole half pixels keep lanes crisp; thinned rows fill the height instead.
  const pitch = thin ? exact : Math.floor(exact * 2) / 2;
  const bottom = top + n * pitch;

  const bars = narrow ? { right: padding + 26, length: 0 } : { right: 108, length: BAR_LENGTH };
  const inputs = { right: bars.right + 12 + labelWidth, width: labelWidth };
  const x0 = Math.max(inputs.right + (thin ? 26 : 12), narrow ? 0 : thin ? 202 : 188);
  inputs.right = x0 - (thin ? 26 : 12);
  const figures = input.outputFigures ? 34 : 0;

  let matrix: Zones["matrix"] = null;
  if (showMatrix) {
    const left = padding + labelWidth + 14;
    const rightGap = Math.max(100, 25 + labelWidth + figures + 14);
    const most = narrow
      ? width - left - padding
      : Math.min(Math.max(312, 0.275 * width), width - padding - x0 - rightGap - 170);
    const widest = narrow ? MAX_PITCH : MAX_CELL_WIDTH;
    const cellOf = (space: number) => Math.min(widest, pitch, space / n);
    const over = columnOverhang(labelWidths, cellOf(most), padding);
    const cellW = cellOf(narrow ? most - over : Math.min(most, Math.max(most - over, 0.8 * most)));
    const w = n * cellW;
    const x = narrow ? left : width - padding - columnOverhang(labelWidths, cellW, padding) - w;
    matrix = { x, y: top, w, h: n * pitch, cellW, cellH: pitch };
  }

  const rightGap = Math.max(100, 25 + labelWidth + figures + 14);
  const end = matrix !== null && !narrow ? matrix.x - rightGap : width - padding - labelWidth - 25;
  const graph = showGraph ? { x0, x1: Math.max(x0 + 40, end - (narrow ? figures : 0)) } : null;
  const outputs =
    graph !== null
      ? {
          left: graph.x1 + 25,
          right: matrix !== null ? matrix.x - 14 : width - padding,
          width: labelWidth,
        }
      : { left: padding, right: padding + labelWidth, width: labelWidth };

  const height = Math.ceil(bottom + below);
  const legendX =
    matrix === null ? 0 : Math.max(padding, Math.min(matrix.x + matrix.w, width - padding) - 150);
  return {
    width,
    height,
    padding,
    overlap,
    pitch,
    thin,
    top,
    bottom,
    headY: top - 15,
    graph,
    bars,
    inputs,
    outputs,
    matrix,
    margins: matrix === null ? null : { x: matrix.x, y: bottom + 6, w: matrix.w, h: MARGIN_HEIGHT },
    legend:
      matrix === null
        ? null
        : { x: legendX, y: bottom + 38, w: Math.min(150, width - 2 * padding), h: 8 },
    sumsY: input.sums && graph !== null ? bottom + (narrow ? 18 : 14) : null,
    foot: { x: padding, y: bottom + 35, w: (matrix?.x ?? width) - 2 * padding, h: 28 },
  };
}

/** Middle of a token's row. */
export function rowY(zones: Zones, token: number): number {
  return zones.top + (token + 0.5) * zones.pitch;
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
