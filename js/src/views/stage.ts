/**
 * The stage: token graph, labels and matrix on two stacked canvases. The lower one is drawn anew
 * when data, size or theme change; the upper one holds what hover and focus add.
 */
import type { Context, Frame, View } from "../frame";
import { hitTest, nodeOf } from "../layout/hit";
import { type Focus, layoutOverlay } from "../layout/overlay";
import { allMarks, layoutStage, nodePosition, type StageLayout } from "../layout/stage";
import type { Measure } from "../layout/text";
import { rowY, type Zones } from "../layout/zones";
import type { GraphNode } from "../model";
import { type CanvasPainter, imageCanvas, paint } from "../paint/canvas";
import { toSVG } from "../paint/svg";
import type { Image, Mark } from "../scene";
import { revealed, traceKey } from "./reveal";
import { stageKey } from "./stage_keys";

/** More edges than this are not all drawn while the picture changes with every frame... */
const QUICK_EDGES = 4000;
/** ... but as soon as it has been still for this long. */
const STILL_MS = 120;

/** Canvases larger than this are refused by some browsers. */
const MAX_PIXELS = 16_000_000;

function hidden(): HTMLElement {
  const el = document.createElement("div");
  // Read out, never seen.
  el.style.cssText =
    "position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap";
  el.setAttribute("role", "status");
  return el;
}

export class Stage implements View {
  readonly el = document.createElement("div");
  readonly #base = document.createElement("canvas");
  readonly #overlay = document.createElement("canvas");
  readonly #scratch = document.createElement("canvas");
  readonly #status = hidden();
  readonly #context: Context;
  readonly #widths = new Map<string, number>();
  #fontFamily = "";
  #ratio = 0;
  #frame: Frame | null = null;
  #layout: StageLayout | null = null;
  #layoutKey: readonly unknown[] = [];
  #revealedKey: string | null = null;
  #revealStart = 0;
  #animation = 0;
  #painted = Number.NEGATIVE_INFINITY;
  #finishing: ReturnType<typeof setTimeout> | undefined;
  #focus: Focus | null = null;
  /** Focus is shown only while it is moved by the keyboard. */
  #focusShown = false;

  constructor(context: Context) {
    this.#context = context;
    const { el } = this;
    el.className = "aw-stage";
    el.tabIndex = 0;
    el.setAttribute("role", "application");
    el.setAttribute("aria-roledescription", "token graph");
    el.style.position = "relative";
    this.#base.style.display = "block";
    this.#overlay.style.cssText = "position:absolute;left:0;top:0;pointer-events:none";
    for (const canvas of [this.#base, this.#overlay]) canvas.setAttribute("aria-hidden", "true");
    el.append(this.#base, this.#overlay, this.#status);
    this.#listen();
  }

  /** Where every zone lies; null before the first frame. */
  get zones(): Zones | null {
    return this.#layout?.zones ?? null;
  }

  /** The picture as it stands, back to front, without hover and focus. */
  marks(): Mark[] {
    return this.#layout === null ? [] : allMarks(this.#layout);
  }

  /** The picture as an SVG document. */
  svg(title?: string): string {
    const frame = this.#frame;
    const layout = this.#layout;
    if (frame === null || layout === null) return "";
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

  update(frame: Frame, stripHeight = 0): void {
    this.#frame = frame;
    if (frame.n === 0 || frame.width <= 0) return;
    const ratioChanged = this.#readRatio(frame);
    const fontChanged = this.#readFont();
    const key = [
      frame.width,
      frame.height,
      frame.size,
      frame.tab,
      frame.theme,
      frame.tokens,
      frame.levels,
      frame.heads,
      frame.selected,
      frame.matrix,
      frame.trace,
      frame.massShown,
      stripHeight,
    ];
    const changed = key.some((value, i) => !Object.is(value, this.#layoutKey[i]));
    if (changed || ratioChanged || fontChanged) {
      this.#layoutKey = key;
      this.#layout = layoutStage(frame, stripHeight, this.#measure);
      this.#resize(this.#layout.zones);
      this.#describe(frame, this.#layout);
      this.#startReveal(frame);
      this.#paintBase();
    }
    this.#paintOverlay();
  }

  readonly #measure: Measure = (text, size, weight) => {
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

  #readFont(): boolean {
    const family = getComputedStyle(this.el).fontFamily || "sans-serif";
    if (family === this.#fontFamily) return false;
    this.#fontFamily = family;
    this.#widths.clear();
    return true;
  }

  #resize(zones: Zones): void {
    const { el } = this;
    el.style.marginTop = `${-zones.overlap}px`;
    el.style.height = `${zones.height}px`;
    for (const canvas of [this.#base, this.#overlay]) {
      const [w, h] = [zones.width, zones.height].map((v) => Math.round(v * this.#ratio));
      if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w!, h!];
      canvas.style.width = `${zones.width}px`;
      canvas.style.height = `${zones.height}px`;
    }
  }

  /** Geometry for scripts that aim at nodes and cells, and the name for assistive technology. */
  #describe(frame: Frame, { zones, first, count }: StageLayout): void {
    const { dataset } = this.el;
    const put = (name: string, value: number | null | undefined) => {
      if (value === null || value === undefined) delete dataset[name];
      else dataset[name] = String(value);
    };
    put("x0", zones.graph?.x0);
    put("x1", zones.graph?.x1);
    put("y0", rowY(zones, 0));
    put("pitch", zones.pitch);
    put("firstLevel", first);
    put("levelCount", count);
    put("matrixX", zones.matrix?.x);
    put("matrixY", zones.matrix?.y);
    put("cellW", zones.matrix?.cellW);
    put("cellH", zones.matrix?.cellH);
    const name = (level: number) => (level === 0 ? "the input" : `layer ${level}`);
    const what = zones.graph === null ? "Matrix" : "Token graph";
    this.el.setAttribute(
      "aria-label",
      `${what} of ${frame.n} tokens, ${name(first)} to ${name(first + count - 1)}. ` +
        "Arrow keys move, Enter traces, Shift and Enter makes a pair.",
    );
  }

  #painter(canvas: HTMLCanvasElement): CanvasPainter {
    const context = canvas.getContext("2d");
    if (context === null) throw new Error("This browser gives no 2D canvas to draw on.");
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const { text, scratch } = { text: this.#fontFamily, scratch: this.#scratch };
    return { context, ratio: this.#ratio, fontFamily: text, scratch };
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
    const step = () => {
      this.#animation = 0;
      if (this.#context.signal.aborted) return;
      this.#paintBase();
    };
    this.#animation = requestAnimationFrame(step);
  }

  #stopReveal(): void {
    cancelAnimationFrame(this.#animation);
    this.#animation = 0;
    this.#revealStart = 0;
  }

  #paintBase(): void {
    const layout = this.#layout;
    const trace = this.#frame?.trace ?? null;
    if (layout === null) return;
    const painter = this.#painter(this.#base);
    paint(painter, layout.behind);
    const shares =
      this.#revealStart > 0 && trace !== null
        ? revealed(performance.now() - this.#revealStart, layout.blocks.length, trace.direction)
        : null;
    if (shares === null || trace === null || shares.every((share) => share === 1)) {
      this.#revealStart = 0;
      for (const block of this.#blocks(layout)) paint(painter, block);
      paint(painter, layout.over);
    } else {
      this.#paintRevealed(painter, layout, shares, trace.direction);
      if (this.#animation === 0) {
        this.#animation = requestAnimationFrame(() => {
          this.#animation = 0;
          if (!this.#context.signal.aborted) this.#paintBase();
        });
      }
    }
    paint(painter, layout.around);
    paint(painter, layout.cells);
    paint(painter, layout.matrix);
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
    this.#finishing = setTimeout(() => {
      if (!this.#context.signal.aborted) this.#paintBase();
    }, STILL_MS);
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

  #paintOverlay(): void {
    const frame = this.#frame;
    const layout = this.#layout;
    if (frame === null || layout === null) return;
    const painter = this.#painter(this.#overlay);
    const focus = this.#focusShown ? this.#focus : null;
    const stale = frame.progress !== null && isStale(frame);
    paint(painter, layoutOverlay(frame, layout, focus, stale));
  }

  #listen(): void {
    const { el } = this;
    const { signal, actions } = this.#context;
    const options = { signal };
    const at = (event: MouseEvent) => {
      const box = el.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    const target = (event: MouseEvent) => {
      if (this.#frame === null || this.#layout === null) return null;
      const { x, y } = at(event);
      return hitTest(this.#layout, this.#frame, x, y);
    };
    el.addEventListener(
      "pointermove",
      (event) => {
        const hit = target(event);
        el.style.cursor = hit === null || hit.kind === "edge" ? "default" : "pointer";
        actions.hover(hit === null ? null : { target: hit, ...this.#inRoot(at(event)) });
      },
      options,
    );
    el.addEventListener("pointerleave", () => actions.hover(null), options);
    el.addEventListener("pointerdown", () => this.#showFocus(false), options);
    el.addEventListener(
      "click",
      (event) => {
        const hit = target(event);
        if (hit === null || this.#frame === null || this.#layout === null) return;
        if (hit.kind === "cell") {
          this.#selectCell(hit.query, hit.key);
          return;
        }
        const node = nodeOf(hit, this.#layout, this.#frame);
        if (node === null) return;
        this.#focus = { kind: "node", node };
        actions.select(node, how(event));
      },
      options,
    );
    el.addEventListener("keydown", (event) => this.#onKey(event), options);
    el.addEventListener(
      "focus",
      () => {
        if (el.matches(":focus-visible")) this.#showFocus(true);
      },
      options,
    );
    el.addEventListener(
      "blur",
      () => {
        if (this.#focusShown) actions.hover(null);
        this.#showFocus(false);
      },
      options,
    );
    // Moving to another screen or zooming the page changes the pixels behind a CSS pixel.
    window.addEventListener(
      "resize",
      () => {
        if (window.devicePixelRatio !== this.#ratio) this.#context.invalidate();
      },
      options,
    );
    signal.addEventListener(
      "abort",
      () => {
        this.#stopReveal();
        clearTimeout(this.#finishing);
      },
      { once: true },
    );
  }

  #inRoot({ x, y }: { x: number; y: number }): { x: number; y: number } {
    const root = this.el.closest(".attn-widget") ?? this.el;
    const [outer, inner] = [root.getBoundingClientRect(), this.el.getBoundingClientRect()];
    return { x: x + inner.left - outer.left, y: y + inner.top - outer.top };
  }

  #selectCell(query: number, key: number): void {
    const matrix = this.#frame?.matrix;
    if (matrix === null || matrix === undefined) return;
    this.#context.actions.setSelected([
      [matrix.rowLevel, query],
      [matrix.columnLevel, key],
    ]);
  }

  #showFocus(shown: boolean): void {
    this.#focusShown = shown;
    if (shown && this.#layout !== null && this.#frame !== null) {
      this.#focus = stageKey(this.#focus, "", this.#frame, this.#layout);
    }
    this.#paintOverlay();
  }

  #onKey(event: KeyboardEvent): void {
    const frame = this.#frame;
    const layout = this.#layout;
    if (frame === null || layout === null || event.altKey) return;
    const { actions } = this.#context;
    if (event.key === "Enter" || event.key === " ") {
      const focus = stageKey(this.#focus, "", frame, layout);
      event.preventDefault();
      this.#focus = focus;
      if (focus.kind === "cell") this.#selectCell(focus.query, focus.key);
      else actions.select(focus.node, how(event));
      return;
    }
    if (event.ctrlKey || event.metaKey) return;
    const moved = stageKey(this.#focus, event.key, frame, layout);
    if (moved === null) return;
    event.preventDefault();
    // The first key after a click only brings the ring out.
    this.#focus = this.#focusShown ? moved : stageKey(this.#focus, "", frame, layout);
    this.#focusShown = true;
    this.#announce(frame, layout);
    this.#paintOverlay();
  }

  /** Show and say what the focus is on, as a hover does for the pointer. */
  #announce(frame: Frame, layout: StageLayout): void {
    const focus = this.#focus;
    if (focus === null) return;
    const { actions } = this.#context;
    if (focus.kind === "cell") {
      const { x, cellW } = layout.zones.matrix!;
      const at = { x: x + (focus.key + 0.5) * cellW, y: rowY(layout.zones, focus.query) };
      actions.hover({ target: { ...focus }, ...this.#inRoot(at) });
      const [query, key] = [focus.query, focus.key].map((token) => frame.tokens[token]!.raw);
      this.#status.textContent = `query ${query}, key ${key}`;
      return;
    }
    const [level, token] = focus.node;
    const at = nodePosition(layout, level, token);
    actions.hover({ target: { kind: "node", level, token }, ...this.#inRoot(at) });
    const place = level === 0 ? "input" : `layer ${level}`;
    this.#status.textContent = `${frame.tokens[token]!.raw}, ${place}, token ${token}`;
  }
}

function how(event: MouseEvent | KeyboardEvent): "replace" | "pair" | "add" {
  if (event.shiftKey) return "pair";
  return event.ctrlKey || event.metaKey ? "add" : "replace";
}

/** Whether the trace on show belongs to another selection than the one made. */
function isStale(frame: Frame): boolean {
  if (frame.trace === null) return false;
  const { sources, sinks, start, stop } = frame.trace;
  const ends: GraphNode[] = [
    ...(sources ?? []).map((token): GraphNode => [stop, token]),
    ...(sinks ?? []).map((token): GraphNode => [start, token]),
  ];
  const has = (nodes: readonly GraphNode[], [level, token]: GraphNode) =>
    nodes.some(([l, t]) => l === level && t === token);
  return frame.selected.length !== ends.length || !frame.selected.every((node) => has(ends, node));
}
