/** What hover and keyboard focus lay over the stage; nothing underneath moves. Pure. */
import type { Frame } from "../frame";
import type { Hover } from "../hover";
import type { GraphNode } from "../model";
import { largest } from "../numbers";
import { type Mark, rect } from "../scene";
import type { DrawnEdge } from "./edges";
import { discMark } from "./graph";
import { nodeOf } from "./hit";
import { labelBox, labelText } from "./labels";
import { columnOutline, rowOutline } from "./matrix";
import type { PlacedLabel } from "./rows";
import { nodePosition, type StageLayout } from "./stage";
import { WEIGHT } from "./text";
import { type Box, columnX, graphClip, inView, rowY } from "./zones";

/** How far the rest recedes behind what is hovered. */
const VEIL = 0.62;
const WASH = 0.07;
const FOCUS_WIDTH = 2;

export type Focus =
  | { kind: "node"; node: GraphNode }
  | { kind: "cell"; query: number; key: number };

function veil(frame: Frame, layout: StageLayout): Mark {
  const { x0, x1 } = layout.zones.graph!;
  const { top, bottom } = layout.zones;
  const { n } = frame;
  const reach = (from: number) =>
    largest(
      layout.discs.slice(from, from + n).map(({ r }) => r),
      2,
    ) + 2;
  const [left, right] = [reach(0), reach((layout.count - 1) * n)];
  return {
    kind: "rect",
    x: x0 - left,
    y: top - 6,
    w: x1 - x0 + left + right,
    h: bottom - top + 12,
    fill: frame.theme.paper,
    opacity: VEIL,
  };
}

/** Some edges at full strength over a veil, with the discs they meet. */
function lit(frame: Frame, layout: StageLayout, edges: readonly DrawnEdge[]): Mark[] {
  if (edges.length === 0) return [];
  const marks: Mark[] = [veil(frame, layout)];
  const met = new Set<number>();
  for (const { curve, block, query, key } of edges) {
    marks.push({ ...curve, opacity: Math.max(0.8, curve.opacity) });
    met.add((block - layout.first) * frame.n + key);
    met.add((block - layout.first + 1) * frame.n + query);
  }
  for (const index of met) marks.push(discMark(frame, layout.zones, layout.discs[index]!));
  const clip = graphClip(layout.zones);
  return clip === null ? marks : [{ kind: "group", clip, marks }];
}

function edgesAt(layout: StageLayout, [level, token]: GraphNode): DrawnEdge[] {
  return layout.edges
    .flat()
    .filter(
      ({ block, query, key }) =>
        (block + 1 === level && query === token) || (block === level && key === token),
    );
}

/** A label's wash; a label that was thinned out shows itself over its neighbours. */
function wash(
  frame: Frame,
  layout: StageLayout,
  side: "inputs" | "outputs",
  token: number,
): Mark[] {
  const { zones } = layout;
  const labels = side === "outputs" ? layout.readers : layout.labels;
  const { theme } = frame;
  const placed = layout.rows[side].find((label) => label.token === token);
  if (placed !== undefined) return [shade(placed.box, theme.ink, WASH)];
  if (!zones.thin || !inView(zones.rows, token)) return [];
  const anchor = side === "inputs" || zones.graph === null ? "end" : "start";
  const x =
    side === "inputs"
      ? zones.inputs.right
      : anchor === "end"
        ? zones.outputs.right
        : zones.outputs.left;
  const y = rowY(zones, token);
  const label = labels[token]!;
  const box = labelBox(label, x, y, anchor, 18);
  return [
    shade(box, theme.paper, 1),
    shade(box, theme.ink, WASH),
    labelText(label, x, y, anchor, WEIGHT.strong, theme.ink),
  ];
}

function shade(box: Box, fill: string, opacity: number): Mark {
  return rect(box, { radius: 4, fill, opacity });
}

function isSelected(frame: Frame, level: number, token: number): boolean {
  return frame.selected.some(([l, t]) => l === level && t === token);
}

function hoverMarks(frame: Frame, layout: StageLayout, target: Hover, focused: boolean): Mark[] {
  const { zones, first, count } = layout;
  const { theme, matrix } = frame;
  const marks: Mark[] = [];
  const top = first + count - 1;
  const row = (token: number) => {
    if (zones.matrix === null || matrix === null || isSelected(frame, matrix.rowLevel, token))
      return;
    if (!inView(zones.rows, token)) return;
    marks.push(rowOutline(zones, token, theme.ink2, 1));
  };
  const column = (token: number) => {
    if (zones.matrix === null || matrix === null || !inView(zones.columns, token)) return;
    marks.push(columnOutline(zones, token, theme.ink2, 1));
  };
  const label = (side: "inputs" | "outputs", token: number) => {
    const level = side === "inputs" ? first : top;
    if (zones.graph === null && side === "inputs") return;
    if (!isSelected(frame, level, token)) marks.push(...wash(frame, layout, side, token));
  };
  if (target.kind === "cell") {
    row(target.query);
    column(target.key);
    label("outputs", target.query);
    label("inputs", target.key);
    return marks;
  }
  if (target.kind === "edge") {
    const { block, query, key } = target;
    const edge = layout.edges
      .flat()
      .filter((e) => e.block === block && e.query === query && e.key === key);
    if (zones.graph !== null) marks.push(...lit(frame, layout, edge));
    if (block + 1 === top) label("outputs", query);
    if (block === first) label("inputs", key);
    return marks;
  }
  const node = nodeOf(target, layout, frame);
  if (node === null) return marks;
  const [level, token] = node;
  if (zones.graph !== null && level >= first && level <= top) {
    // What is selected is in full view already, and the pointer rests on it after a click.
    if (!isSelected(frame, level, token)) marks.push(...lit(frame, layout, edgesAt(layout, node)));
    const disc = layout.discs[(level - first) * frame.n + token];
    if (disc !== undefined && !focused && inView(zones.rows, token)) {
      const { x, y, r } = disc;
      marks.push({ kind: "circle", x, y, r: Math.max(r, 3) + 2.5, stroke: theme.ink2, width: 1 });
    }
  }
  if (level === top) {
    row(token);
    label("outputs", token);
  }
  if (level === matrix?.columnLevel) column(token);
  if (level === first) label("inputs", token);
  return marks;
}

function labelRing(frame: Frame, label: PlacedLabel): Mark {
  const { box } = label;
  const style = { radius: 4, stroke: frame.theme.accent, width: FOCUS_WIDTH };
  return rect({ ...box, y: box.y + 1, h: box.h - 2 }, style);
}

function focusMarks(frame: Frame, layout: StageLayout, focus: Focus): Mark[] {
  const { zones, first, count } = layout;
  const { theme, n } = frame;
  if (focus.kind === "cell") {
    if (zones.matrix === null) return [];
    if (!inView(zones.rows, focus.query) || !inView(zones.columns, focus.key)) return [];
    const { cellW, cellH } = zones.matrix;
    const w = Math.max(8, cellW + 2);
    const h = Math.max(8, cellH + 2);
    const [cx, cy] = [columnX(zones, focus.key), rowY(zones, focus.query)];
    const box = { x: cx - w / 2, y: cy - h / 2, w, h };
    return [rect(box, { radius: 3, stroke: theme.accent, width: FOCUS_WIDTH })];
  }
  if (zones.graph === null) return [];
  const [level, token] = focus.node;
  const disc = layout.discs[(level - first) * n + token];
  if (disc === undefined || !inView(zones.rows, token)) return [];
  const { x, y } = nodePosition(layout, level, token);
  const r = Math.max(disc.r + 3, 7);
  const marks: Mark[] = [{ kind: "circle", x, y, r, stroke: theme.accent, width: FOCUS_WIDTH }];
  const side =
    level === first ? layout.rows.inputs : level === first + count - 1 ? layout.rows.outputs : [];
  const label = side.find((placed) => placed.token === token);
  if (label !== undefined) marks.push(labelRing(frame, label));
  return marks;
}

/** Everything the overlay shows. `stale`: the trace on show is not yet that of the selection. */
export function layoutOverlay(
  frame: Frame,
  layout: StageLayout,
  focus: Focus | null,
  stale: boolean,
): Mark[] {
  const marks: Mark[] = [];
  if (stale && layout.zones.graph !== null) marks.push(veil(frame, layout));
  if (frame.hovered !== null)
    marks.push(...hoverMarks(frame, layout, frame.hovered.target, focus !== null));
  if (focus !== null) marks.push(...focusMarks(frame, layout, focus));
  return marks;
}
