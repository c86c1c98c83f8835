/** What lies under a point of the stage. Pure. */
import type { Frame } from "../frame";
import type { Hover } from "../hover";
import type { GraphNode } from "../model";
import { eased } from "../scene";
import type { Disc, DrawnEdge } from "./edges";
import type { PlacedLabel } from "./rows";
import type { StageLayout } from "./stage";
import { COLUMN_ANGLE, inView, levelX, rowY, type Zones } from "./zones";

/** Targets are 24 px across where rows and levels leave room. */
const REACH = 12;
const EDGE_REACH = 4;

function rowAt(zones: Zones, y: number, n: number): number {
  return Math.min(n - 1, Math.max(0, Math.floor((y - zones.top) / zones.pitch + zones.rows.from)));
}

function hitNode(layout: StageLayout, n: number, x: number, y: number): Hover | null {
  const { zones, count, first, discs } = layout;
  const { x0, x1 } = zones.graph!;
  const spacing = count > 1 ? (x1 - x0) / (count - 1) : 0;
  const index = spacing > 0 ? Math.round((x - x0) / spacing) : 0;
  if (index < 0 || index >= count) return null;
  const dx = Math.abs(x - levelX(zones, index, count));
  const row = rowAt(zones, y, n);
  const at = (token: number): Disc => discs[index * n + token]!;
  // A large disc reaches over its neighbours' rows; a click on it means it.
  const span = Math.ceil(16 / zones.pitch);
  let best: Disc | null = null;
  for (let token = Math.max(0, row - span); token <= Math.min(n - 1, row + span); token++) {
    const disc = at(token);
    if (
      disc.mass <= 0 ||
      !inView(zones.rows, token) ||
      Math.hypot(dx, y - disc.y) > Math.max(disc.r, 3) + 1
    )
      continue;
    if (best === null || disc.r > best.r) best = disc;
  }
  const half = Math.min(REACH, Math.max(3, spacing > 0 ? spacing / 2 - 3 : REACH));
  if (
    best === null &&
    dx <= half &&
    Math.abs(y - rowY(zones, row)) <= Math.max(REACH, zones.pitch)
  ) {
    // Where rows are too low to aim at, what carries something nearby is meant.
    const near = zones.thin ? Math.ceil(3 / zones.pitch) : 0;
    for (let d = 0; d <= near && best === null; d++) {
      for (const token of [row - d, row + d]) {
        if (token >= 0 && token < n && at(token).mass > 0) best = at(token);
      }
    }
    best ??= at(row);
  }
  return best === null ? null : { kind: "node", level: first + index, token: best.token };
}

function hitEdge(edges: readonly DrawnEdge[], x: number, y: number): DrawnEdge | null {
  const some = edges[0]?.curve;
  if (some === undefined || x <= some.x0 || x >= some.x1) return null;
  const length = some.x1 - some.x0;
  const { at, slope } = eased((x - some.x0) / length);
  let best: DrawnEdge | null = null;
  let nearest = Number.POSITIVE_INFINITY;
  for (const edge of edges) {
    const { y0, y1, width } = edge.curve;
    const across = Math.abs(y0 + (y1 - y0) * at - y) / Math.hypot(1, ((y1 - y0) * slope) / length);
    const beyond = Math.max(0, across - width / 2);
    // Edges rise in value: of two that are equally near, the later is the one on top.
    if (beyond <= EDGE_REACH && beyond <= nearest) {
      nearest = beyond;
      best = edge;
    }
  }
  return best;
}

function inBox(label: PlacedLabel, x: number, y: number): boolean {
  const { box } = label;
  return x >= box.x && x <= box.x + box.w && y >= box.y && y < box.y + box.h;
}

function hitColumn(layout: StageLayout, x: number, y: number): Hover | null {
  const angle = (COLUMN_ANGLE * Math.PI) / 180;
  const half = Math.min(9, Math.max(5, (layout.zones.matrix!.cellW * Math.sin(angle)) / 2));
  for (const { token, x: x0, y: y0, width } of layout.columns.placed) {
    const along = (x - x0) * Math.cos(angle) - (y - y0) * Math.sin(angle);
    const across = (x - x0) * Math.sin(angle) + (y - y0) * Math.cos(angle);
    if (along >= -6 && along <= width + 4 && Math.abs(across) <= half) {
      return { kind: "column", token };
    }
  }
  return null;
}

function hitMatrix(layout: StageLayout, n: number, x: number, y: number): Hover | null {
  const { zones } = layout;
  const { x: left, y: top, w, h, cellW, cellH } = zones.matrix!;
  const key = Math.floor((x - left) / cellW + zones.columns.from);
  if (x < left || x >= left + w || key >= n) return hitColumn(layout, x, y);
  if (y >= top && y < top + h) {
    return {
      kind: "cell",
      query: Math.min(n - 1, Math.floor((y - top) / cellH + zones.rows.from)),
      key,
    };
  }
  if (y >= top + h && y < zones.margins!.y + zones.margins!.h)
    return { kind: "column", token: key };
  return y < top ? hitColumn(layout, x, y) : null;
}

/** The target under (x, y) in the stage's coordinates, or null over empty space. */
export function hitTest(layout: StageLayout, frame: Frame, x: number, y: number): Hover | null {
  const { zones, rows } = layout;
  const { n } = frame;
  for (const label of rows.outputs) {
    if (inBox(label, x, y)) return { kind: "output", token: label.token };
  }
  for (const label of rows.inputs) {
    // Figure and bar belong to the label.
    const { box } = label;
    const inRow = y >= box.y && y < box.y + box.h;
    if (inBox(label, x, y) || (inRow && x >= zones.padding && x < box.x)) {
      return { kind: "input", token: label.token };
    }
  }
  if (zones.graph !== null && y >= zones.top - REACH && y <= zones.bottom + REACH) {
    const node = hitNode(layout, n, x, y);
    if (node !== null) return node;
    for (const block of layout.edges) {
      const edge = hitEdge(block, x, y);
      if (edge !== null) {
        const { block: b, query, key, value } = edge;
        return { kind: "edge", block: b, query, key, value };
      }
    }
  }
  if (zones.matrix !== null && frame.matrix !== null) return hitMatrix(layout, n, x, y);
  return null;
}

/** The node that a target stands for; null for edges and cells. */
export function nodeOf(target: Hover, layout: StageLayout, frame: Frame): GraphNode | null {
  const top = layout.first + layout.count - 1;
  switch (target.kind) {
    case "node":
      return [target.level, target.token];
    case "input":
      return [layout.first, target.token];
    case "output":
      return [layout.zones.graph === null ? (frame.matrix?.rowLevel ?? top) : top, target.token];
    case "column":
      return [frame.matrix?.columnLevel ?? layout.first, target.token];
    default:
      return null;
  }
}
