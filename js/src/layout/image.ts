/**
 * A vision model's image under the relevance of the selection, and beside it where the mass is at
 * each level. Pure.
 */
import { parseColor, type RGB, textOn } from "../color";
import { differenceOf, divergingT } from "../compare";
import { levelName, percent } from "../format";
import type { Frame, ImageView } from "../frame";
import type { Hover } from "../hover";
import { isFlow } from "../model";
import { sum } from "../numbers";
import { type Image, type Line, line, type Mark, rect } from "../scene";
import { isUp } from "../trace";
import { ARROWS } from "./arrows";
import { shares } from "./labels";
import { ringed, tintColors } from "./strip";
import { type Measure, note, SPECIAL_SIZE, WEIGHT } from "./text";
import type { Box } from "./zones";

/** Above image and maps: tokens that are no patches, and the names of the levels. */
const BAND = 26;
const GAP = 16;
const MIN_MAP = 26;
/** The outline holds this part of what comes from other patches. */
const OUTLINED = 0.8;

/** A grid of patches; `level`: of the graph, null for the image itself. */
export interface Panel extends Box {
  level: number | null;
}

export interface ImageLayout {
  height: number;
  panels: Panel[];
  /** Tokens that are no patches. */
  chips: { token: number; box: Box }[];
  /** The image alone, if there is one: larger than all else, it has a canvas of its own to keep. */
  photo: Image | null;
  marks: Mark[];
}

/** What is under the pointer: a token, in a map of a level or in the image. */
export interface ImageHit {
  token: number;
  level: number | null;
  box: Box;
}

function box({ rows, columns }: ImageView, panel: Box, cell: number): Box {
  const [w, h] = [panel.w / columns, panel.h / rows];
  return { x: panel.x + (cell % columns) * w, y: panel.y + Math.floor(cell / columns) * h, w, h };
}

export function imageHit(
  layout: ImageLayout,
  image: ImageView,
  x: number,
  y: number,
): ImageHit | null {
  const within = (at: Box) => x >= at.x && x < at.x + at.w && y >= at.y && y < at.y + at.h;
  const chip = layout.chips.find((one) => within(one.box));
  if (chip !== undefined) return { ...chip, level: null };
  const panel = layout.panels.find(within);
  if (panel === undefined) return null;
  const column = Math.floor(((x - panel.x) / panel.w) * image.columns);
  const cell = Math.floor(((y - panel.y) / panel.h) * image.rows) * image.columns + column;
  return cellHit(image, panel, cell);
}

function cellHit(image: ImageView, panel: Panel, cell: number): ImageHit | null {
  const token = image.places[cell] ?? -1;
  return token < 0 ? null : { token, level: panel.level, box: box(image, panel, cell) };
}

/** Where a token is in the image or among the chips beside it. */
export function tokenHit(layout: ImageLayout, image: ImageView, token: number): ImageHit | null {
  const chip = layout.chips.find((one) => one.token === token);
  if (chip !== undefined) return { ...chip, level: null };
  return cellHit(image, layout.panels[0]!, image.places.indexOf(token));
}

/** The patch or chip that an arrow leads to; the chips are above the first row of patches. */
export function imageStep({ others, places, columns }: ImageView, token: number, key: string) {
  const chip = others.indexOf(token);
  const cell = places.indexOf(token);
  const [right, down] = ARROWS[key] ?? [0, 0];
  if (chip >= 0 || cell < 0) {
    return (down > 0 ? places[chip] : others[chip + right]) ?? token;
  }
  const column = cell % columns;
  if (down < 0 && cell < columns) return others[Math.min(column, others.length - 1)] ?? token;
  if (column + right < 0 || column + right >= columns) return token;
  return places[cell + right + down * columns] ?? token;
}

/** 0 to 1 for each patch: its part of the largest one that is not selected itself. */
export function strengths(
  { places }: ImageView,
  values: Float64Array,
  own: ReadonlySet<number>,
  flow: boolean,
): number[] {
  const found = places.map((place) => values[place] ?? Number.NaN);
  const others = found.filter((value, cell) => value >= 0 && !own.has(places[cell]!));
  const top = Math.max(0, ...others) || Math.max(...found);
  // Flows are all nearly alike, and nowhere near zero.
  const floor = flow && others.length > 0 ? Math.min(...others) : 0;
  return found.map((value) => {
    const part = (value - floor) / (top - floor);
    return part > 0 ? Math.min(1, part) ** 0.7 : 0;
  });
}

export interface Outlined {
  /** The smallest set of patches with 80 % of what comes from other patches than the selected. */
  cells: Set<number>;
  share: number;
}

/** Null where there are no shares to add up: with flow, upwards, and in a comparison. */
export function outlined(frame: Frame): Outlined | null {
  const { image, trace } = frame;
  if (image === null || trace === null || differenceOf(frame) !== null) return null;
  if (frame.even) return null;
  if (isFlow(trace) || isUp(trace) || trace.sinks !== null) return null;
  const own = new Set(trace.sources);
  const parts = Math.max(1, own.size);
  const ranked = image.places
    .map((place, cell) => ({ cell, place, value: (trace.relevance[place] ?? 0) / parts }))
    .filter(({ place, value }) => value > 0 && !own.has(place))
    .sort((a, b) => b.value - a.value);
  const total = sum(ranked, ({ value }) => value);
  const cells = new Set<number>();
  let share = 0;
  for (const { cell, value } of ranked) {
    if (share >= OUTLINED * total) break;
    cells.add(cell);
    share += value;
  }
  return { cells, share };
}

/** The border of a set of cells: every side with one of them on one hand alone. */
function border(
  { rows, columns }: ImageView,
  panel: Panel,
  cells: ReadonlySet<number>,
  color: string,
): Line[] {
  const [w, h] = [panel.w / columns, panel.h / rows];
  const has = (row: number, column: number) =>
    column >= 0 && column < columns && cells.has(row * columns + column);
  const lines: Line[] = [];
  const add = (column: number, row: number, right: number, down: number) => {
    const [x, y] = [panel.x + column * w, panel.y + row * h];
    // Half a line longer at both ends, so that corners are closed.
    const [x1, y1] = [x + (w + 0.9) * right, y + (h + 0.9) * down];
    lines.push(line(x - 0.9 * right, y - 0.9 * down, x1, y1, color, 1.8));
  };
  for (let row = 0; row <= rows; row++) {
    for (let column = 0; column <= columns; column++) {
      if (has(row, column) !== has(row - 1, column)) add(column, row, 1, 0);
      if (has(row, column) !== has(row, column - 1)) add(column, row, 0, 1);
    }
  }
  return lines;
}

/** One pixel a patch. */
function cellImage(
  { rows, columns }: ImageView,
  { x, y, w, h }: Box,
  colorAt: (cell: number) => readonly [...RGB, number],
): Image {
  const pixels = new Uint8ClampedArray(4 * rows * columns);
  for (let cell = 0; cell < rows * columns; cell++) {
    const [red, green, blue, alpha] = colorAt(cell);
    pixels.set([red, green, blue, 255 * alpha], 4 * cell);
  }
  return { kind: "image", x, y, w, h, pixels, columns, rows, smooth: false };
}

/** Image and maps side by side: the most room for the maps wins. */
function place(frame: Frame, image: ImageView, levels: readonly number[]): Panel[] {
  const narrow = frame.size === "narrow";
  const room = frame.width - (narrow ? 24 : 32);
  const { pixels } = image;
  const aspect =
    pixels === null ? image.columns / image.rows : pixels.columns / Math.max(1, pixels.rows);
  const w = Math.min((narrow ? 200 : 250) * aspect, (narrow ? 0.55 : 0.45) * room);
  const h = w / aspect;
  const left = w + (narrow ? GAP : 2 * GAP);
  let best = { side: 0, columns: 1 };
  for (let rows = 1; rows <= levels.length; rows++) {
    const columns = Math.ceil(levels.length / rows);
    const across = (room - left - (columns - 1) * GAP) / columns;
    const side = Math.min(across, ((h + BAND) / rows - BAND) * aspect);
    if (side > best.side + 1) best = { side, columns };
  }
  const panels: Panel[] = [{ level: null, x: 0, y: BAND, w, h }];
  if (best.side < MIN_MAP) return panels;
  const high = best.side / aspect;
  return panels.concat(
    levels.map((level, i) => ({
      level,
      x: left + (i % best.columns) * (best.side + GAP),
      y: BAND + Math.floor(i / best.columns) * (high + BAND),
      w: best.side,
      h: high,
    })),
  );
}

/** How many patches hold the mass, if they shared it evenly: 2 to its entropy in bits. */
function spreadOf({ places }: ImageView, masses: Float64Array): number {
  const found = places.map((token) => masses[token] ?? 0);
  const total = sum(found);
  const bits = found.reduce((sum, m) => sum - (m > 0 ? (m / total) * Math.log2(m / total) : 0), 0);
  return 2 ** bits;
}

function chipsOf(
  frame: Frame,
  image: ImageView,
  right: number,
  measure: Measure,
): ImageLayout["chips"] {
  let x = 0;
  return image.others.flatMap((token) => {
    const w = measure(frame.tokens[token]!.label, SPECIAL_SIZE, WEIGHT.strong) + 14;
    const at = { x, y: 0, w, h: 20 };
    x += w + 6;
    return at.x + w > right ? [] : [{ token, box: at }];
  });
}

export function layoutImage(frame: Frame, measure: Measure): ImageLayout {
  const image = frame.image!;
  const { theme, trace } = frame;
  const difference = differenceOf(frame);
  const masses = difference?.nodes ?? trace?.nodes ?? [];
  const start = difference?.start ?? trace?.start ?? 0;
  const levels = masses.flatMap((at, i) =>
    image.places.some((token) => at[token]) ? [start + i] : [],
  );
  const panels = place(frame, image, levels);
  const [main] = panels as [Panel, ...Panel[]];
  const chips = chipsOf(frame, image, main.w, measure);
  const own = new Set(frame.selected.map(([, token]) => token));
  const rings = ringed(frame.selected);
  const [red = 255, green = 255, blue = 255] = parseColor(theme.paper) ?? [];
  const marks: Mark[] = [];
  const flow = isFlow(trace);

  const colorsOf = (values: Float64Array, panel: Panel): Image => {
    if (difference !== null) {
      return cellImage(image, panel, (cell) => {
        const t = divergingT(difference, values[image.places[cell]!] ?? 0);
        const over = panel.level === null && image.pixels !== null;
        const alpha = over ? Math.min(1, 0.1 + Math.abs(t) ** 0.6) * frame.overlayOpacity : 1;
        return [...theme.divRGB(t), alpha];
      });
    }
    const t = strengths(image, values, own, flow && panel.level === null);
    return cellImage(image, panel, (cell) => {
      if (panel.level !== null || image.pixels === null) return [...theme.seqRGB(t[cell]!), 1];
      return frame.overlay === "heat"
        ? [...theme.seqRGB(0.3 + 0.7 * t[cell]!), frame.overlayOpacity * t[cell]!]
        : [red, green, blue, frame.overlayOpacity * (1 - t[cell]!)];
    });
  };

  const values = shares(frame);
  if (values !== null) marks.push(colorsOf(values, main));
  marks.push(rect(main, { stroke: theme.hair, width: 1 }));
  const set = outlined(frame);
  if (set !== null) {
    const lines = border(image, main, set.cells, theme.accent);
    // On paper of its own, so that it is seen on any image.
    const paper = { width: 3.6, color: theme.paper, opacity: 0.8 };
    marks.push(...lines.map((one) => ({ ...one, ...paper })), ...lines);
  }
  for (const panel of panels.slice(1)) {
    const at = masses[panel.level! - start]!;
    marks.push(colorsOf(at, panel), rect(panel, { stroke: theme.line, width: 1 }));
    const y = panel.y - 10;
    const head = note(theme, panel.x, y, levelName(panel.level!), "start", { strong: true });
    marks.push({ ...head, fill: theme.ink2 });
    if (difference === null && panel.w >= 80) {
      const spread = spreadOf(image, at);
      const figure = `spread ${spread < 9.95 ? spread.toFixed(1) : Math.round(spread)}`;
      marks.push(note(theme, panel.x + panel.w, y, figure, "end"));
    }
  }
  const tints = tintColors(frame);
  for (const { token, box: at } of chips) {
    const tint = tints[token] ?? null;
    const ring = rings.has(token);
    const fill = ring ? theme.pill : (tint ?? theme.panel);
    const [x, y] = [at.x + at.w / 2, at.y + at.h / 2];
    const { label } = frame.tokens[token]!;
    marks.push(rect(at, { radius: 4, fill }), {
      ...note(theme, x, y, label, "middle", { size: SPECIAL_SIZE }),
      weight: WEIGHT.strong,
      fill: ring ? theme.onPill : tint === null ? theme.ink2 : textOn(tint),
    });
  }
  for (const panel of panels) {
    for (const [level, token] of frame.selected) {
      const at = cellHit(image, panel, image.places.indexOf(token))?.box;
      // In a map the selection is one of this level; the image shows all of it.
      if (at === undefined || (panel.level !== null && panel.level !== level)) continue;
      marks.push(...ring(at, panel.level === null ? 2 : 1.25, theme.ink, theme.paper));
    }
  }
  const { pixels } = image;
  const { x, y, w, h } = main;
  // A few pixels are meant to be seen as such.
  const smooth = pixels !== null && pixels.columns > w / 2;
  const photo: Image | null = pixels && { kind: "image", x, y, w, h, ...pixels, smooth };
  const height = Math.max(...panels.map(({ y, h }) => y + h)) + 2;
  return { height, panels, chips, photo, marks };
}

function ring(at: Box, width: number, color: string, paper: string): Mark[] {
  const radius = Math.min(3, at.w / 4);
  return [
    rect(at, { radius, stroke: paper, width: width + 2 }),
    rect(at, { radius, stroke: color, width }),
  ];
}

/** What hover and focus add. */
export function imageOverlay(frame: Frame, layout: ImageLayout, focus: number | null): Mark[] {
  const image = frame.image!;
  const { theme } = frame;
  const marks: Mark[] = [];
  const target = frame.hovered?.target;
  for (const token of target === undefined ? [] : tokensOf(target)) {
    for (const panel of layout.panels) {
      const at = cellHit(image, panel, image.places.indexOf(token))?.box;
      if (at !== undefined) marks.push(...ring(at, 1.25, theme.ink, theme.paper));
    }
    const chip = layout.chips.find((one) => one.token === token);
    if (chip !== undefined) marks.push(rect(chip.box, { radius: 4, stroke: theme.ink2 }));
  }
  const at = focus === null ? null : tokenHit(layout, image, focus);
  if (at !== null) marks.push(...ring(at.box, 2, theme.accent, theme.paper));
  return marks;
}

function tokensOf(target: Hover): number[] {
  return "token" in target ? [target.token] : [target.query, target.key];
}

/** What the patch says to a screen reader. */
export function imageWords(frame: Frame, token: number): string {
  const share = frame.even || isFlow(frame.trace) ? undefined : shares(frame)?.[token];
  const name = frame.tokens[token]!.raw;
  const where = frame.image!.others.includes(token) ? name : `patch ${name}`;
  return share === undefined || Number.isNaN(share) ? where : `${where}, ${percent(share)}`;
}
