/** The stage's two canvases: painting, the pixels of the device, and a new trace coming in. */
import { parseColor, type RGB } from "../color";
import { onEnd } from "../ending";
import type { Frame } from "../frame";
import { clipped, type StageLayout } from "../layout/stage";
import type { Measure } from "../layout/text";
import { graphClip, matrixClip } from "../layout/zones";
import { sum } from "../numbers";
import {
  type CanvasPainter,
  deviceRatio,
  imageCanvas,
  measureIn,
  paint,
  painterOn,
  resize,
} from "../paint/canvas";
import { drawHairs, makeRaster, type Raster } from "../paint/hairs";
import type { Curve, Mark } from "../scene";
import { element, UNREAD } from "./dom";
import { revealed, traceKey } from "./reveal";

/** While the picture changes with every frame, only so many edges are drawn as take this long. */
const QUICK_MS = 3;
const FEWEST_EDGES = 1000;
/** From this many on, ribbons are drawn as pixels instead of strokes. */
const HAIR_EDGES = 500;
/** How far ribbons reach over the first and the last row. */
const HAIR_ROOM = 16;
/** A page's font seldom changes, and asking for it makes the browser work out styles. */
const FONT_AGE = 500;
/** Canvases larger than this are refused by some browsers. */
const MAX_PIXELS = 16_000_000;

/** Whether rows are so many that lanes are left out and ribbons are hairs. */
function rastered({ zones, blocks }: StageLayout): boolean {
  if (!zones.thin || zones.graph === null) return false;
  return sum(blocks, (block) => block.length) >= HAIR_EDGES;
}

/** Curves that share their ends in x together. */
function byStart(curves: readonly Curve[]): Curve[][] {
  const groups = new Map<number, Curve[]>();
  for (const curve of curves) {
    const group = groups.get(curve.x0);
    if (group === undefined) groups.set(curve.x0, [curve]);
    else group.push(curve);
  }
  return [...groups.values()];
}

export class Picture {
  /** Drawn anew when data, size or theme change. */
  readonly base = element("canvas", UNREAD);
  /** What hover and focus add; clicks go through it. */
  readonly overlay = element("canvas", UNREAD);
  readonly #scratch = element("canvas");
  readonly #signal: AbortSignal;
  readonly #hairCanvas = element("canvas");
  #raster: Raster | null = null;
  /** The context alone, which stays as it is while the trace over it changes. */
  #ground: Raster | null = null;
  #context: StageLayout["context"] | null = null;
  #hairs: { layout: StageLayout; ratio: number; x: number; y: number } | null = null;
  #quick = 4000;
  #paper: RGB = [255, 255, 255];
  #fontFamily = "";
  #fontRead = Number.NEGATIVE_INFINITY;
  #ratio = 0;
  #layout: StageLayout | null = null;
  #direction: "down" | "up" = "down";
  #revealedKey: string | null = null;
  #revealStart = 0;
  #animation = 0;
  #overlaid = false;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    onEnd(signal, () => this.#stopReveal());
  }

  get ratio(): number {
    return this.#ratio;
  }

  /** How many edges this machine draws in the time that a frame has for them. */
  get quickEdges(): number {
    return this.#quick;
  }

  /** Read the device's pixels and the font around; true if either has changed. */
  readSurroundings(around: Element, frame: Frame): boolean {
    const ratioChanged = this.#readRatio(frame);
    return this.#readFont(around) || ratioChanged;
  }

  /** Show a layout; the trace of a new selection comes in block by block. */
  show(layout: StageLayout, frame: Frame): void {
    this.#layout = layout;
    this.#direction = frame.trace?.direction ?? "down";
    const [red = 255, green = 255, blue = 255] = parseColor(frame.theme.paper) ?? [];
    this.#paper = [red, green, blue];
    const { width, height } = layout.zones;
    for (const canvas of [this.base, this.overlay]) resize(canvas, width, height, this.#ratio);
    this.#startReveal(frame);
    this.#paintBase();
  }

  showOverlay(marks: readonly Mark[]): void {
    // An empty canvas that is cleared is a canvas that has changed, and sent to the screen whole.
    if (marks.length === 0 && !this.#overlaid) return;
    this.#overlaid = marks.length > 0;
    paint(this.#painter(this.overlay), marks);
  }

  /** Another function for another font, so that what was measured can be kept by it. */
  measure: Measure = () => 0;

  #readRatio(frame: Frame): boolean {
    const area = frame.width * Math.max(frame.height, 1);
    const ratio = Math.min(deviceRatio(), Math.sqrt(MAX_PIXELS / area));
    const changed = ratio !== this.#ratio;
    this.#ratio = ratio;
    return changed;
  }

  #readFont(around: Element): boolean {
    if (performance.now() - this.#fontRead < FONT_AGE) return false;
    // None: not in the page yet.
    const found = getComputedStyle(around).fontFamily;
    if (found !== "") this.#fontRead = performance.now();
    const family = found || "sans-serif";
    if (family === this.#fontFamily) return false;
    this.#fontFamily = family;
    this.measure = measureIn(family);
    return true;
  }

  #painter(canvas: HTMLCanvasElement): CanvasPainter {
    return painterOn(canvas, this.#ratio, this.#fontFamily, this.#scratch);
  }

  #startReveal(frame: Frame): void {
    const key = traceKey(frame.trace);
    const first = this.#revealedKey === null;
    const same = key === this.#revealedKey;
    this.#revealedKey = key;
    if (same) return;
    this.#stopReveal();
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (first || still || frame.trace === null || frame.selected.length === 0) return;
    this.#revealStart = performance.now();
  }

  #stopReveal(): void {
    cancelAnimationFrame(this.#animation);
    this.#animation = 0;
    this.#revealStart = 0;
  }

  #paintBase(): void {
    const layout = this.#layout;
    if (layout === null) return;
    const painter = this.#painter(this.base);
    const inGraph = (marks: readonly Mark[]) => clipped(graphClip(layout.zones), marks);
    paint(painter, layout.behind);
    const elapsed = performance.now() - this.#revealStart;
    const shares =
      this.#revealStart > 0 ? revealed(elapsed, layout.blocks.length, this.#direction) : [];
    const still = shares.every((share) => share === 1);
    if (rastered(layout)) this.#rasterise(layout);
    else paint(painter, inGraph(layout.context));
    if (still) {
      this.#revealStart = 0;
      if (rastered(layout)) this.#drawHairs(painter);
      else for (const block of layout.blocks) paint(painter, inGraph(block));
      paint(painter, inGraph(layout.over));
    } else {
      this.#paintRevealed(painter, layout, shares, this.#direction);
      cancelAnimationFrame(this.#animation);
      this.#animation = requestAnimationFrame(() => this.#paintLater());
    }
    paint(painter, layout.around);
    paint(painter, clipped(matrixClip(layout.zones), layout.cells));
    paint(painter, layout.matrix);
  }

  #paintLater(): void {
    if (!this.#signal.aborted) this.#paintBase();
  }

  /** All ribbons and the context as pixels; the same layout is not drawn twice. */
  #rasterise(layout: StageLayout): void {
    if (this.#hairs?.layout === layout && this.#hairs.ratio === this.#ratio) return;
    const { zones } = layout;
    const ratio = this.#ratio;
    const { x0, x1 } = zones.graph!;
    const box = graphClip(zones) ?? { y: zones.top - HAIR_ROOM, h: 0 };
    const left = Math.floor((x0 - 1) * ratio);
    const top = Math.floor(box.y * ratio);
    const columns = Math.ceil((x1 + 1) * ratio) - left;
    const bottom = zones.zoomed ? box.y + box.h : zones.bottom + HAIR_ROOM;
    const rows = Math.ceil(bottom * ratio) - top;
    const draw = (into: Raster, curves: readonly Curve[]) =>
      drawHairs(into, curves, this.#paper, left / ratio, top / ratio, ratio);
    if (this.#raster?.columns !== columns || this.#raster.rows !== rows) {
      [this.#raster, this.#ground] = [makeRaster(columns, rows), makeRaster(columns, rows)];
      this.#context = null;
    }
    const [raster, ground] = [this.#raster, this.#ground!];
    if (this.#context !== layout.context) {
      this.#context = layout.context;
      ground.words.fill(0);
      for (const curves of byStart(layout.context)) draw(ground, curves);
    }
    raster.words.set(ground.words);
    const begun = performance.now();
    for (const curves of layout.blocks) draw(raster, curves);
    // As many the next time as this machine draws in time.
    const edges = sum(layout.blocks, (block) => block.length);
    const perEdge = (performance.now() - begun) / Math.max(1, edges);
    this.#quick = Math.max(FEWEST_EDGES, 0.5 * (this.#quick + QUICK_MS / Math.max(perEdge, 1e-5)));
    imageCanvas(this.#hairCanvas, { ...raster });
    this.#hairs = { layout, ratio, x: left / ratio, y: top / ratio };
  }

  #drawHairs({ context }: CanvasPainter): void {
    if (this.#hairs === null) return;
    const { x, y, ratio } = this.#hairs;
    const { width, height } = this.#hairCanvas;
    context.imageSmoothingEnabled = false;
    context.drawImage(this.#hairCanvas, x, y, width / ratio, height / ratio);
  }

  /** Each block shows as far as it has come; discs follow where everything has arrived. */
  #paintRevealed(
    painter: CanvasPainter,
    layout: StageLayout,
    shares: readonly number[],
    direction: "down" | "up",
  ): void {
    const { context } = painter;
    const { zones } = layout;
    const within = (x0: number, x1: number, draw: () => void) => {
      context.save();
      context.beginPath();
      context.rect(x0, 0, x1 - x0, zones.height);
      context.clip();
      draw();
      context.restore();
      painter.font = "";
    };
    const clip = graphClip(zones);
    const hairs = rastered(layout);
    const drawBlock = (index: number) => () => {
      if (hairs) this.#drawHairs(painter);
      else paint(painter, clipped(clip, layout.blocks[index]!));
    };
    const { x0: left, x1: right } = zones.graph ?? { x0: 0, x1: 0 };
    const down = direction === "down";
    let [from, to] = down ? [right - 20, zones.width] : [0, left + 20];
    const order = [...shares.keys()];
    if (down) order.reverse();
    let reached = true;
    for (const index of order) {
      const span = layout.edges[index]![0]?.curve;
      if (span === undefined) continue;
      const share = shares[index]!;
      const length = (span.x1 - span.x0) * share;
      const [x0, x1] = down ? [span.x1 - length, span.x1] : [span.x0, span.x0 + length];
      within(x0, x1, drawBlock(index));
      if (reached && down) from = Math.min(from, x0);
      if (reached && !down) to = Math.max(to, x1);
      reached &&= share === 1;
    }
    within(from, to, () => paint(painter, clipped(clip, layout.over)));
  }
}
