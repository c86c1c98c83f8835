/** The stage's two canvases: painting, the pixels of the device, and a new trace coming in. */
import type { Frame } from "../frame";
import { allMarks, clipped, type StageLayout } from "../layout/stage";
import type { Measure } from "../layout/text";
import { graphClip, matrixClip, type Zones } from "../layout/zones";
import { type CanvasPainter, imageCanvas, paint } from "../paint/canvas";
import { toSVG } from "../paint/svg";
import type { Image, Mark } from "../scene";
import { revealed, traceKey } from "./reveal";

/** More edges than this are not all drawn while the picture changes with every frame... */
const QUICK_EDGES = 4000;
/** ... but as soon as it has been still for this long. */
const STILL_MS = 120;
/** Canvases larger than this are refused by some browsers. */
const MAX_PIXELS = 16_000_000;

export class Picture {
  /** Drawn anew when data, size or theme change. */
  readonly base = document.createElement("canvas");
  /** What hover and focus add; clicks go through it. */
  readonly overlay = document.createElement("canvas");
  readonly #scratch = document.createElement("canvas");
  readonly #signal: AbortSignal;
  readonly #widths = new Map<string, number>();
  #fontFamily = "";
  #ratio = 0;
  #layout: StageLayout | null = null;
  #direction: "down" | "up" = "down";
  #revealedKey: string | null = null;
  #revealStart = 0;
  #animation = 0;
  #painted = Number.NEGATIVE_INFINITY;
  #finishing: ReturnType<typeof setTimeout> | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    this.base.style.display = "block";
    this.overlay.style.cssText = "position:absolute;left:0;top:0;pointer-events:none";
    for (const canvas of [this.base, this.overlay]) canvas.setAttribute("aria-hidden", "true");
    signal.addEventListener(
      "abort",
      () => {
        this.#stopReveal();
        clearTimeout(this.#finishing);
      },
      { once: true },
    );
  }

  get ratio(): number {
    return this.#ratio;
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
    this.#resize(layout.zones);
    this.#startReveal(frame);
    this.#paintBase();
  }

  showOverlay(marks: readonly Mark[]): void {
    paint(this.#painter(this.overlay), marks);
  }

  /** The picture as an SVG document. */
  svg(layout: StageLayout, frame: Frame, title: string | undefined): string {
    return toSVG(allMarks(layout), {
      width: layout.zones.width,
      height: layout.zones.height,
      fontFamily: this.#fontFamily,
      background: frame.theme.paper,
      ...(title === undefined ? {} : { title }),
      encodeImage: (image: Image) =>
        imageCanvas(document.createElement("canvas"), image).toDataURL("image/png"),
    });
  }

  readonly measure: Measure = (text, size, weight) => {
    const key = `${size} ${weight} ${text}`;
    let width = this.#widths.get(key);
    if (width === undefined) {
      const context = this.#scratch.getContext("2d");
      if (context === null) return text.length * size * 0.55;
      context.font = `${weight} ${size}px ${this.#fontFamily}`;
      width = context.measureText(text).width;
      this.#widths.set(key, width);
    }
    return width;
  };

  #readRatio(frame: Frame): boolean {
    const area = frame.width * Math.max(frame.height, 1);
    const ratio = Math.min(window.devicePixelRatio || 1, Math.sqrt(MAX_PIXELS / area));
    const changed = ratio !== this.#ratio;
    this.#ratio = ratio;
    return changed;
  }

  #readFont(around: Element): boolean {
    const family = getComputedStyle(around).fontFamily || "sans-serif";
    if (family === this.#fontFamily) return false;
    this.#fontFamily = family;
    this.#widths.clear();
    return true;
  }

  #resize(zones: Zones): void {
    for (const canvas of [this.base, this.overlay]) {
      const [w, h] = [zones.width, zones.height].map((v) => Math.round(v * this.#ratio));
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w!, h!];
      canvas.style.width = `${zones.width}px`;
      canvas.style.height = `${zones.height}px`;
    }
  }

  #painter(canvas: HTMLCanvasElement): CanvasPainter {
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("This browser gives no 2D canvas to draw on.");
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    return { context, ratio: this.#ratio, fontFamily: this.#fontFamily, scratch: this.#scratch };
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
    paint(painter, inGraph(layout.context));
    const elapsed = performance.now() - this.#revealStart;
    const shares =
      this.#revealStart > 0 ? revealed(elapsed, layout.blocks.length, this.#direction) : [];
    if (shares.every((share) => share === 1)) {
      this.#revealStart = 0;
      for (const block of this.#blocks(layout)) paint(painter, inGraph(block));
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

  /** The edges to draw now: in the middle of a drag only the strongest of very many. */
  #blocks(layout: StageLayout): readonly Mark[][] {
    const { blocks } = layout;
    const now = performance.now();
    const moving = now - this.#painted < STILL_MS;
    this.#painted = now;
    clearTimeout(this.#finishing);
    const total = blocks.reduce((sum, block) => sum + block.length, 0);
    if (!moving || total <= QUICK_EDGES) return blocks;
    this.#finishing = setTimeout(() => this.#paintLater(), STILL_MS);
    const each = Math.floor(QUICK_EDGES / blocks.length);
    return blocks.map((block) => block.slice(-each));
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
    const clipped = (x0: number, x1: number, marks: readonly Mark[]) => {
      context.save();
      context.beginPath();
      context.rect(x0, 0, x1 - x0, zones.height);
      context.clip();
      paint(painter, marks);
      context.restore();
    };
    const { x0: left, x1: right } = zones.graph ?? { x0: 0, x1: 0 };
    let [from, to] = direction === "down" ? [right - 20, zones.width] : [0, left + 20];
    const order = direction === "down" ? [...shares.keys()].reverse() : [...shares.keys()];
    let reached = true;
    for (const index of order) {
      const block = layout.edges[index]!;
      const span = block[0]?.curve;
      if (span === undefined) continue;
      const share = shares[index]!;
      const length = (span.x1 - span.x0) * share;
      if (direction === "down") clipped(span.x1 - length, span.x1, layout.blocks[index]!);
      else clipped(span.x0, span.x0 + length, layout.blocks[index]!);
      if (reached && direction === "down") from = Math.min(from, span.x1 - length);
      if (reached && direction === "up") to = Math.max(to, span.x0 + length);
      reached &&= share === 1;
    }
    clipped(from, to, layout.over);
  }
}
