/** The whole stage as marks, in layers from back to front. Pure. */
import { differenceOf } from "../compare";
import type { Frame } from "../frame";
import { largest, listOf } from "../numbers";
import type { Curve, Mark } from "../scene";
import { isUp } from "../trace";
import { type Columns, layoutColumns } from "./columns";
import { layoutCutBars, layoutCutLegend, layoutCutLines, layoutCutSums } from "./cut";
import { differenceEdges } from "./difference";
import { type Disc, type DrawnEdge, hasCut, layoutEdges } from "./edges";
import {
  discMarks,
  layoutContext,
  layoutDiscs,
  layoutHeads,
  layoutLanes,
  stageLevels,
  touched,
} from "./graph";
import { pillMarks } from "./labels";
import { layoutLegend, legendLeft } from "./legend";
import { layoutMargins } from "./margins";
import { layoutCells, layoutOutlines } from "./matrix";
import { layoutOverview } from "./overview";
import { layoutRows, type Rows } from "./rows";
import { type Label, type Measure, tokenLabels } from "./text";
import {
  type Box,
  graphClip,
  inView,
  layoutZones,
  levelX,
  matrixClip,
  rowY,
  type Zones,
} from "./zones";
import { WHOLE, type Zoom } from "./zoom";

export interface StageLayout {
  zones: Zones;
  labels: Label[];
  /** The same for rows: in generated text, with what each produced. */
  readers: Label[];
  /** The lowest level on the stage, and how many there are. */
  first: number;
  count: number;
  edges: DrawnEdge[][];
  /** Whether edges may have been left out, since the picture moves. */
  partial: boolean;
  discs: Disc[];
  rows: Rows;
  columns: Columns;
  /** Behind the edges: lanes, level lines. */
  behind: Mark[];
  /** Faint edges behind those of the trace. */
  context: readonly Curve[];
  /** One list a block of the trace, lowest first. */
  blocks: Curve[][];
  /** Over the edges: the cut, the discs, the names of selected inner nodes. */
  over: Mark[];
  /** Labels, figures, heads. */
  around: Mark[];
  cells: Mark[];
  /** What lies on and around the cells. */
  matrix: Mark[];
}

/** x and y of every zone for a frame. */
export function stageZones(
  frame: Frame,
  stripHeight: number,
  labels: readonly Label[],
  readers: readonly Label[],
  zoom: Zoom = WHOLE,
): Zones {
  const difference = differenceOf(frame);
  const trace = difference === null ? frame.trace : null;
  return layoutZones({
    width: frame.width,
    size: frame.size,
    tab: frame.tab,
    height: frame.height,
    stripHeight,
    n: frame.n,
    labelWidths: labels.map((label) => label.width),
    readerWidth: largest(readers.map(({ width }) => width)),
    outputFigures: isUp(difference ?? trace),
    sums: trace !== null && hasCut(trace),
    text: frame.image === null,
    zoom,
  });
}

/** Pills beside selected nodes that lie on neither side of the graph. */
function innerPills(
  frame: Frame,
  zones: Zones,
  labels: readonly Label[],
  discs: readonly Disc[],
  first: number,
  count: number,
): Mark[] {
  return frame.selected.flatMap(([level, token]) => {
    if (level <= first || level >= first + count - 1) return [];
    if (!inView(zones.rows, token)) return [];
    const disc = discs[(level - first) * frame.n + token];
    if (disc === undefined) return [];
    return pillMarks(frame, labels[token]!, disc.x + disc.r + 14, disc.y, "start", zones.pitch);
  });
}

/** Selected nodes wear a ring until their trace arrives, so that a click answers at once. */
function selectedRings(frame: Frame, discs: readonly Disc[], first: number): Mark[] {
  return frame.selected.flatMap(([level, token]): Mark[] => {
    const disc = discs[(level - first) * frame.n + token];
    if (disc === undefined || disc.r > 4) return [];
    const { x, y } = disc;
    return [
      {
        kind: "circle",
        x,
        y,
        r: 4.5,
        fill: frame.theme.pill,
        stroke: frame.theme.paper,
        width: 1.25,
      },
    ];
  });
}

/** `mostEdges`: while the picture moves, only so many ribbons are laid out. */
export function layoutStage(
  frame: Frame,
  stripHeight: number,
  measure: Measure,
  zoom: Zoom = WHOLE,
  mostEdges = Number.POSITIVE_INFINITY,
): StageLayout {
  const labels = tokenLabels(frame.tokens, measure);
  const readers =
    frame.readers === frame.tokens ? labels : tokenLabels(frame.readers, measure, 168);
  const zones = stageZones(frame, stripHeight, labels, readers, zoom);
  const { first, count } = stageLevels(frame);
  const { theme } = frame;
  const difference = differenceOf(frame);
  const trace = difference === null ? frame.trace : null;
  const layout: StageLayout = {
    zones,
    labels,
    readers,
    first,
    count,
    edges: [],
    partial: false,
    discs: [],
    rows: { marks: [], inputs: [], outputs: [] },
    columns: { marks: [], placed: [] },
    behind: [],
    context: [],
    blocks: [],
    over: [],
    around: [],
    cells: [],
    matrix: [],
  };
  if (zones.graph !== null) {
    layout.behind.push(...layoutLanes(frame, zones, count));
    const met = listOf(count, () => new Uint8Array(frame.n));
    if (difference !== null) {
      layout.edges = differenceEdges(difference, frame.massShown, zones, theme, first, count);
      touched(layout.edges, first, met);
    } else {
      layout.context = layoutContext(frame, zones, first, count);
    }
    if (trace !== null) {
      const most = Math.ceil(mostEdges / trace.blocks.length);
      const room = { zones, theme, first, count, met, most };
      layout.edges = layoutEdges(trace, frame.massShown, room);
      layout.partial = trace.blocks.some(({ value }) => value.length > most);
    }
    layout.blocks = layout.edges.map((block) => block.map((edge) => edge.curve));
    layout.discs = layoutDiscs(frame, zones, met, first, count);
    if (trace !== null && hasCut(trace)) {
      layout.behind.push(...layoutCutLines(frame, trace, zones, first, count));
      layout.over.push(...layoutCutBars(frame, trace, layout.edges));
      layout.around.push(...layoutCutSums(frame, trace, zones, first, count, measure));
      if (frame.size !== "narrow") {
        const left = levelX(zones, 0, count);
        const until = legendLeft(frame, zones, measure) - 16;
        layout.around.push(...layoutCutLegend(frame, zones, measure, left, until));
      }
    }
    layout.over.push(...discMarks(frame, zones, layout.discs, mostEdges));
    if (difference === null) layout.over.push(...selectedRings(frame, layout.discs, first));
    layout.over.push(...innerPills(frame, zones, labels, layout.discs, first, count));
    layout.around.push(...layoutHeads(frame, zones, first, count, measure));
  }
  layout.rows = layoutRows(
    frame,
    zones,
    { inputs: labels, outputs: readers },
    measure,
    { first, count },
    (level, token) => layout.discs[(level - first) * frame.n + token]?.r ?? 0,
  );
  layout.around.push(...layout.rows.marks);
  layout.around.push(...layoutOverview(frame, zones));
  if (zones.matrix !== null && frame.matrix !== null) {
    layout.cells = layoutCells(frame, zones);
    layout.columns = layoutColumns(frame, zones, labels, measure);
    layout.matrix.push(...layoutMargins(frame, zones));
    layout.matrix.push(...layoutOutlines(frame, zones, readers));
    layout.matrix.push(...layout.columns.marks);
    layout.matrix.push(...layoutLegend(frame, zones, measure));
  }
  return layout;
}

/** One group, or the marks as they are where nothing has to be cut off. */
export function clipped(clip: Box | null, marks: readonly Mark[]): readonly Mark[] {
  return clip === null ? marks : [{ kind: "group", clip, marks }];
}

/** Every mark, back to front, for a picture that is saved. */
export function allMarks(layout: StageLayout): Mark[] {
  const { zones } = layout;
  return [
    ...layout.behind,
    ...clipped(graphClip(zones), [...layout.context, ...layout.blocks.flat(), ...layout.over]),
    ...layout.around,
    ...clipped(matrixClip(zones), layout.cells),
    ...layout.matrix,
  ];
}

/** Middle of a node. */
export function nodePosition(
  layout: StageLayout,
  level: number,
  token: number,
): { x: number; y: number } {
  return {
    x: levelX(layout.zones, level - layout.first, layout.count),
    y: rowY(layout.zones, token),
  };
}
