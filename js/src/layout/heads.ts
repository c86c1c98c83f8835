/** Every head at a glance: where each map lies, in which order, and how it stands out. Pure. */
import { inBlocks } from "../format";
import type { Frame, HeadsView, SharesView } from "../frame";
import { type Heads, isAttention } from "../model";
import { listOf, sum } from "../numbers";
import { type Image, type Mark, type Rect, rect } from "../scene";
import { type Pixels, packedColors } from "./cells";
import { note, TICK_SIZE } from "./text";

export type HeadOrder = "number" | "entropy" | "share";

export interface HeadCell {
  layer: number;
  head: number;
  x: number;
  y: number;
}

export interface HeadGroup {
  layer: number;
  x: number;
  y: number;
  w: number;
  /** Mean entropy of the layer's heads, in bits. */
  entropy: number;
  /** Whether the layer is within the shown range. */
  inside: boolean;
  cells: HeadCell[];
}

export interface HeadsLayout {
  width: number;
  height: number;
  /** Side of a map in px. */
  side: number;
  groups: HeadGroup[];
}

const GROUP_GAP = 20;
const ROW_GAP = 14;
const CELL_GAP = 4;
/** Above the maps of a group: its name and entropy. */
export const HEADER = 24;
/** Under a map: its number and its bar. */
export const CAPTION = 19;
const LEAST_SIDE = 38;
const LEAST_SIDE_NARROW = 30;
const GREATEST_SIDE = 56;

/** The columns of groups and of maps in a group that need the least height. */
function grid(
  width: number,
  layers: number,
  heads: number,
  least: number,
): { groups: number; maps: number; side: number } {
  let best = { groups: 1, maps: 1, side: Math.min(width, GREATEST_SIDE) };
  let lowest = Number.POSITIVE_INFINITY;
  for (let groups = 1; groups <= layers; groups++) {
    const room = (width - (groups - 1) * GROUP_GAP) / groups;
    for (let maps = 1; maps <= heads; maps++) {
      const side = Math.min(GREATEST_SIDE, (room - (maps - 1) * CELL_GAP) / maps);
      if (side < least) break;
      const rows = Math.ceil(heads / maps);
      const height =
        Math.ceil(layers / groups) * (HEADER + rows * (side + CAPTION) + ROW_GAP) - ROW_GAP;
      // Of two that are as high, the larger maps.
      if (height < lowest - 0.5 || (height < lowest + 0.5 && side > best.side)) {
        lowest = height;
        best = { groups, maps, side };
      }
    }
  }
  return { ...best, side: Math.floor(best.side) };
}

/** Blocks whose maps the picture is made of. */
export function shownBlocks({ method, levels: [start, stop] }: Frame): [from: number, to: number] {
  return method === "attention" ? [stop - 1, stop] : [start, stop];
}

/** Share of the selection that a head carries; null where that is not known. */
export function shareOf(shares: SharesView | null, layer: number, head: number): number | null {
  return shares?.shares[layer - shares.start]?.[head] ?? null;
}

/** The heads of a layer in the chosen order. */
export function orderedHeads(
  view: HeadsView,
  shares: SharesView | null,
  layer: number,
  nHeads: number,
  order: HeadOrder,
): number[] {
  const heads = listOf(nHeads, (head) => head);
  if (order === "number") return heads;
  const value = (head: number): number =>
    order === "entropy"
      ? view.entropy[layer * nHeads + head]!
      : -(shareOf(shares, layer, head) ?? 0);
  return heads.sort((a, b) => value(a) - value(b) || a - b);
}

export function layoutHeads(frame: Frame, width: number, order: HeadOrder): HeadsLayout {
  const { nLayers, nHeads, headMaps, headShares, size } = frame;
  if (headMaps === null || nLayers === 0) return { width, height: 0, side: 0, groups: [] };
  const least = size === "narrow" ? LEAST_SIDE_NARROW : LEAST_SIDE;
  const { groups: across, maps, side } = grid(width, nLayers, nHeads, least);
  const room = (width - (across - 1) * GROUP_GAP) / across;
  // What the maps leave of a group's width goes between them.
  const step = maps > 1 ? Math.min((room - side) / (maps - 1), side + 8) : side;
  const rows = Math.ceil(nHeads / maps);
  const groupHeight = HEADER + rows * (side + CAPTION);
  const [from, to] = shownBlocks(frame);
  const groups = listOf(nLayers, (layer): HeadGroup => {
    const x = (layer % across) * (room + GROUP_GAP);
    const y = Math.floor(layer / across) * (groupHeight + ROW_GAP);
    const entropy = headMaps.entropy.subarray(layer * nHeads, (layer + 1) * nHeads);
    const heads = orderedHeads(headMaps, headShares, layer, nHeads, order);
    return {
      layer,
      x,
      y,
      w: (maps - 1) * step + side,
      entropy: sum(entropy) / nHeads,
      inside: layer >= from && layer < to,
      cells: heads.map((head, i) => ({
        layer,
        head,
        x: x + (i % maps) * step,
        y: y + HEADER + Math.floor(i / maps) * (side + CAPTION),
      })),
    };
  });
  const down = Math.ceil(nLayers / across);
  return { width, height: down * groupHeight + (down - 1) * ROW_GAP, side, groups };
}

/** Whether the picture is made with this head of this layer alone, or with a few beside it. */
export function isPicked(frame: Frame, layer: number, head: number): boolean {
  const [from, to] = shownBlocks(frame);
  if (layer < from || layer >= to) return false;
  const top = !isAttention(frame) && frame.topHead !== null && layer === to - 1;
  const heads: Heads = top ? (frame.topHead ?? frame.heads) : frame.heads;
  return Array.isArray(heads) ? heads.includes(head) : heads === head;
}

/** What a click picks; with a toggle key heads are added and taken away. */
export function pickedHeads(frame: Frame, head: number, toggle: boolean): Heads {
  const { heads, fusion } = frame;
  if (!toggle) return heads === head ? fusion : head;
  const list = typeof heads === "string" ? [] : Array.isArray(heads) ? heads : [heads];
  const next = list.includes(head) ? list.filter((other) => other !== head) : [...list, head];
  if (next.length === 0) return fusion;
  return next.length === 1 ? next[0]! : next.sort((a, b) => a - b);
}

/** How the bar under a map is filled, 0 to 1. */
export function barOf(frame: Frame, order: HeadOrder, layer: number, head: number): number | null {
  const { headMaps, headShares, nHeads } = frame;
  if (headMaps === null) return null;
  if (order !== "share") {
    const bits = Math.log2(wholeLength(frame));
    return bits > 0 ? Math.min(1, headMaps.entropy[layer * nHeads + head]! / bits) : 0;
  }
  const share = shareOf(headShares, layer, head);
  const row = headShares?.shares[layer - headShares.start];
  return share === null || row === undefined ? null : share / Math.max(...row, 1e-12);
}

/** How many tokens the kernel knows: merging and hiding change no head. */
export function wholeLength({ members, hidden }: Frame): number {
  return members.reduce((count, tokens) => count + tokens.length, hidden.length);
}

/** The colours of all maps in 256 steps. */
export function scaleOf({ theme }: Frame): Uint32Array {
  return packedColors(theme.seqRGB);
}

/** One map as pixels; `index` counts the heads of all layers. */
export function mapPixels({ maps, side }: HeadsView, index: number, scale: Uint32Array): Pixels {
  const size = side * side;
  const values = maps.subarray(index * size, (index + 1) * size);
  return new Uint8ClampedArray(Uint32Array.from(values, (value) => scale[value]!).buffer);
}

/** A map as a mark, `w` px wide. */
export function mapMark(
  { headMaps, nHeads }: Frame,
  { layer, head }: HeadCell,
  scale: Uint32Array,
  [x, y, w]: readonly [number, number, number],
  smooth: boolean,
): Image {
  const { side } = headMaps!;
  const pixels = mapPixels(headMaps!, layer * nHeads + head, scale);
  return { kind: "image", x, y, w, h: w, pixels, columns: side, rows: side, smooth };
}

/** Layers outside the range are dimmed to this. */
const OUTSIDE = 0.4;
/** In the order of contribution the least of a layer still shows. */
const FAINTEST = 0.3;

/** Every layer with its maps, their bars and numbers, and rings around the picked ones. */
export function headMarks(
  frame: Frame,
  { groups, side }: HeadsLayout,
  order: HeadOrder,
  ratio: number,
): Mark[] {
  const { theme } = frame;
  const scale = scaleOf(frame);
  const marks: Mark[] = [];
  const rings: Mark[] = [];
  for (const { layer, x, y, w, entropy, inside, cells } of groups) {
    const opacity = inside ? 1 : OUTSIDE;
    const say = (...given: Parameters<typeof note>): void => {
      marks.push({ ...note(...given), opacity });
    };
    say(theme, x, y + 9, inBlocks(`Layer ${layer + 1}`, frame.blocks), "start", {
      size: 12,
      strong: true,
    });
    say(theme, x + w, y + 9, `${entropy.toFixed(1)} bits`, "end");
    for (const cell of cells) {
      const picked = isPicked(frame, layer, cell.head);
      const bar = barOf(frame, order, layer, cell.head);
      const stands = order === "share" && bar !== null ? FAINTEST + (1 - FAINTEST) * bar : 1;
      // Whole device pixels, or the outermost cells of a map would be cut.
      const [left, top] = [cell.x, cell.y].map((at) => Math.round(at * ratio) / ratio) as [
        number,
        number,
      ];
      const map = mapMark(
        frame,
        cell,
        scale,
        [left, top, side],
        frame.headMaps!.side > side * ratio,
      );
      marks.push({ ...map, opacity: opacity * stands });
      const around = (by: number, style: Partial<Rect>): Rect => {
        const w = side + 2 * by;
        return rect({ x: left - by, y: top - by, w, h: w }, style);
      };
      marks.push(around(0.5, { stroke: theme.line, opacity }));
      if (bar !== null) {
        const fill = (length: number, color: string): void => {
          const place = { x: cell.x + 16, y: cell.y + side + 7, w: length, h: 4 };
          marks.push(rect(place, { radius: 2, fill: color, opacity }));
        };
        const length = Math.max(4, side - 17);
        fill(length, theme.hair);
        if (bar > 0) fill(Math.max(2, length * bar), picked ? theme.accent : theme.ink3);
      }
      const style = picked ? { size: 10.5, strong: true } : { size: TICK_SIZE };
      say(theme, cell.x, cell.y + side + 9, String(cell.head), "start", style);
      if (picked) rings.push(around(2, { stroke: theme.accent, width: 2, radius: 4 }));
    }
  }
  return [...marks, ...rings];
}
