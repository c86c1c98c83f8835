/**
 * The stage: token graph, labels and matrix on two stacked canvases. The lower one is drawn anew
 * when data, size or theme change; the upper one holds what hover and focus add.
 */
import { inBlocks, layerName } from "../format";
import type { Context, Frame, View } from "../frame";
import { hitTest, nodeOf } from "../layout/hit";
import { type Focus, layoutOverlay } from "../layout/overlay";
import { allMarks, layoutStage, nodePosition, type StageLayout } from "../layout/stage";
import { columnX, rowY, type Zones } from "../layout/zones";
import { revealing, sameZoom, WHOLE, type Zoom } from "../layout/zoom";
import type { GraphNode } from "../model";
import { levelWords } from "../phrases";
import type { Mark } from "../scene";
import { alike, boxIn, div, listen, pointIn, presses, rootOf, withCtrl } from "./dom";
import { Pace } from "./pace";
import { Picture } from "./picture";
import { focusNow, stageKey, zoomKey } from "./stage_keys";
import { centredOn, Zooming, zoomAt } from "./zooming";

export class Stage implements View {
  readonly el = div({
    class: "aw-stage",
    tabindex: "0",
    role: "application",
    "aria-roledescription": "token graph",
  });
  readonly #status = div({ class: "aw-unseen", role: "status" });
  readonly #context: Context;
  readonly #picture: Picture;
  readonly #pace: Pace;
  #stripHeight = 0;
  #frame: Frame | null = null;
  #tokens: Frame["tokens"] | null = null;
  #layout: StageLayout | null = null;
  #layoutKey: readonly unknown[] = [];
  #focus: Focus | null = null;
  /** Focus is shown only while it is moved by the keyboard. */
  #focusShown = false;
  #follow = false;
  /** Which rows and columns are in view; a matter of this view alone. */
  #zoom: Zoom = WHOLE;

  constructor(context: Context) {
    this.#context = context;
    const { el } = this;
    this.#picture = new Picture(context.signal);
    this.#pace = new Pace(context.signal, () => this.#complete());
    el.append(this.#picture.base, this.#picture.overlay, this.#status);
    this.#listen();
    const zooming = new Zooming(el, context.signal, {
      zones: () => this.zones,
      zoom: () => this.#zoom,
      show: (zoom) => this.#show(zoom),
      centre: (x, y) => this.#centre(x, y),
    });
    el.append(zooming.hint);
  }

  /** Where every zone lies; null before the first frame. */
  get zones(): Zones | null {
    return this.#layout?.zones ?? null;
  }

  #show(zoom: Zoom): void {
    if (sameZoom(zoom, this.#zoom)) return;
    this.#zoom = zoom;
    // What was pointed at has moved away; the keyboard's focus is told of where it is then.
    this.#context.actions.hover(null);
    this.#follow = this.#focusShown;
    this.#context.invalidate();
  }

  /** A double click: rows around a node, or everything again. */
  #centre(x: number, y: number): void {
    const { zones } = this;
    if (zones === null || this.#frame === null || this.#layout === null) return;
    const hit = hitTest(this.#layout, this.#frame, x, y);
    const node = hit === null ? null : nodeOf(hit, this.#layout, this.#frame);
    const near = node === null ? null : centredOn(zones, this.#frame.n, node[1]);
    this.#show(near === null || hit?.kind === "column" ? WHOLE : near);
  }

  /** The picture as it stands, back to front, without hover and focus. */
  marks(): Mark[] {
    this.#complete();
    return this.#layout === null ? [] : allMarks(this.#layout);
  }

  update(frame: Frame, stripHeight = 0): void {
    this.#frame = frame;
    if (frame.n === 0 || frame.width <= 0) return;
    if (this.#tokens !== frame.tokens) {
      // Other tokens: what was in view is no place any more.
      if (this.#tokens?.length !== frame.n) this.#zoom = WHOLE;
      this.#tokens = frame.tokens;
    }
    const around = this.#picture.readSurroundings(this.el, frame);
    const key = [
      frame.width,
      frame.height,
      frame.size,
      frame.tab,
      frame.theme,
      frame.tokens,
      frame.levels,
      frame.selected,
      frame.matrix,
      frame.trace,
      frame.massShown,
      frame.comparison,
      stripHeight,
      this.#zoom,
    ];
    if (around || !alike(key, this.#layoutKey)) {
      this.#layoutKey = key;
      this.#stripHeight = stripHeight;
      this.#draw(frame, this.#pace.moving ? this.#picture.quickEdges : Number.POSITIVE_INFINITY);
      this.#pace.step();
    }
    this.#paintOverlay();
    if (this.#follow && this.#layout !== null) {
      this.#follow = false;
      this.#announce(frame, this.#layout);
    }
  }

  #draw(frame: Frame, mostEdges: number): void {
    const { measure } = this.#picture;
    const layout = layoutStage(frame, this.#stripHeight, measure, this.#zoom, mostEdges);
    this.#layout = layout;
    const { style } = this.el;
    style.marginTop = `${-layout.zones.overlap}px`;
    style.height = `${layout.zones.height}px`;
    this.#describe(frame, layout);
    this.#picture.show(layout, frame);
  }

  /** After a movement, or before the picture is saved: the edges that were left out. */
  #complete(): void {
    if (this.#frame === null || this.#layout?.partial !== true) return;
    this.#draw(this.#frame, Number.POSITIVE_INFINITY);
    this.#paintOverlay();
  }

  /** Geometry for scripts that aim at nodes and cells, and the name for assistive technology. */
  #describe(frame: Frame, { zones, first, count }: StageLayout): void {
    const { dataset } = this.el;
    const put = (name: string, value: number | null | undefined) => {
      if (value == null) delete dataset[name];
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
    put("rowsInView", zones.zoomed ? zones.rows.to - zones.rows.from : null);
    const name = (level: number) => inBlocks(levelWords(level), frame.blocks);
    const what = zones.graph === null ? "Matrix" : "Token graph";
    this.el.setAttribute(
      "aria-label",
      `${what} of ${frame.n} tokens, ${name(first)} to ${name(first + count - 1)}. ` +
        "Arrow keys move, Enter traces, Shift and Enter makes a pair, plus and minus zoom.",
    );
  }

  #paintOverlay(): void {
    const frame = this.#frame;
    const layout = this.#layout;
    if (frame === null || layout === null) return;
    const focus = this.#focusShown ? this.#focus : null;
    const stale = frame.progress !== null && isStale(frame);
    this.#picture.showOverlay(layoutOverlay(frame, layout, focus, stale));
  }

  #listen(): void {
    const { el } = this;
    const { signal, actions } = this.#context;
    const target = (event: MouseEvent) => {
      if (this.#frame === null || this.#layout === null) return null;
      const { x, y } = pointIn(el, event);
      return hitTest(this.#layout, this.#frame, x, y);
    };
    listen(el, signal, {
      pointermove: (event) => {
        const hit = target(event);
        el.style.cursor = hit === null || hit.kind === "edge" ? "default" : "pointer";
        actions.hover(hit && { target: hit, ...this.#inRoot(pointIn(el, event)) });
      },
      pointerleave: () => actions.hover(null),
      pointerdown: () => this.#showFocus(false),
      click: (event) => {
        const hit = target(event);
        if (hit === null || this.#frame === null || this.#layout === null) return;
        // The second click of a double one does not take back the first.
        if (event.detail > 1) return;
        if (hit.kind === "cell") {
          this.#selectCell(hit.query, hit.key);
          return;
        }
        const node = nodeOf(hit, this.#layout, this.#frame);
        if (node === null) return;
        this.#focus = { kind: "node", node };
        actions.select(node, how(event));
      },
      keydown: (event) => this.#onKey(event),
      focus: () => {
        if (el.matches(":focus-visible")) this.#showFocus(true);
      },
      blur: () => {
        if (this.#focusShown) actions.hover(null);
        this.#showFocus(false);
      },
    });
    // Moving to another screen or zooming the page changes the pixels behind a CSS pixel.
    const resize = (): void => {
      if (window.devicePixelRatio !== this.#picture.ratio) this.#context.invalidate();
    };
    listen(window, signal, { resize });
  }

  #inRoot({ x, y }: { x: number; y: number }): { x: number; y: number } {
    const own = boxIn(rootOf(this.el), this.el);
    return { x: x + own.x, y: y + own.y };
  }

  #selectCell(query: number, key: number): void {
    const matrix = this.#frame?.matrix;
    if (matrix == null) return;
    this.#context.actions.setSelected([
      [matrix.rowLevel, query],
      [matrix.columnLevel, key],
    ]);
  }

  #showFocus(shown: boolean): void {
    this.#focusShown = shown;
    if (shown && this.#layout !== null && this.#frame !== null) {
      this.#focus = focusNow(this.#focus, this.#frame, this.#layout);
    }
    this.#paintOverlay();
  }

  #onKey(event: KeyboardEvent): void {
    const frame = this.#frame;
    const layout = this.#layout;
    if (frame === null || layout === null || event.altKey) return;
    const { actions } = this.#context;
    if (presses(event)) {
      const focus = focusNow(this.#focus, frame, layout);
      event.preventDefault();
      this.#focus = focus;
      if (focus.kind === "cell") this.#selectCell(focus.query, focus.key);
      else actions.select(focus.node, how(event));
      return;
    }
    if (withCtrl(event)) return;
    const factor = zoomKey(event.key);
    if (factor !== null) {
      event.preventDefault();
      this.#zoomByKey(frame, layout, factor);
      return;
    }
    const moved = stageKey(this.#focus, event.key, frame, layout);
    if (moved === null) return;
    event.preventDefault();
    // The first key after a click only brings the ring out.
    this.#focus = this.#focusShown ? moved : focusNow(this.#focus, frame, layout);
    this.#focusShown = true;
    this.#reveal(frame);
    if (!this.#follow) this.#announce(frame, layout);
    this.#paintOverlay();
  }

  /** Nearer or farther about the focus; 0 shows everything. */
  #zoomByKey(frame: Frame, { zones }: StageLayout, factor: number): void {
    if (factor === 0) {
      this.#show(WHOLE);
      return;
    }
    const focus = this.#focus;
    const token = focus === null ? null : focus.kind === "cell" ? focus.query : focus.node[1];
    const row = token ?? frame.selected[0]?.[1] ?? null;
    const { from, to } = zones.rows;
    const at = row === null ? 0.5 : Math.min(1, Math.max(0, (row + 0.5 - from) / (to - from)));
    const columns = zones.graph === null || zones.matrix !== null;
    this.#show(
      zoomAt(this.#zoom, zones, frame.n, { rows: at, columns: columns ? at : null }, factor),
    );
    this.#reveal(frame);
  }

  /** What the keyboard stands on is in view. */
  #reveal(frame: Frame): void {
    const focus = this.#focus;
    if (focus === null) return;
    const [row, column] = focus.kind === "cell" ? [focus.query, focus.key] : [focus.node[1], null];
    const { rows, columns } = this.#zoom;
    this.#show({
      rows: revealing(rows, frame.n, row),
      columns: column === null ? columns : revealing(columns, frame.n, column),
    });
  }

  /** Show and say what the focus is on, as a hover does for the pointer. */
  #announce(frame: Frame, layout: StageLayout): void {
    const focus = this.#focus;
    if (focus === null) return;
    const { actions } = this.#context;
    if (focus.kind === "cell") {
      const at = { x: columnX(layout.zones, focus.key), y: rowY(layout.zones, focus.query) };
      actions.hover({ target: { ...focus }, ...this.#inRoot(at) });
      const [query, key] = [focus.query, focus.key].map((token) => frame.tokens[token]!.raw);
      this.#status.textContent = `query ${query}, key ${key}`;
      return;
    }
    const [level, token] = focus.node;
    const at = nodePosition(layout, level, token);
    actions.hover({ target: { kind: "node", level, token }, ...this.#inRoot(at) });
    const place = inBlocks(layerName(level), frame.blocks);
    this.#status.textContent = `${frame.tokens[token]!.raw}, ${place}, token ${token}`;
  }
}

function how(event: MouseEvent | KeyboardEvent): "replace" | "pair" | "add" {
  if (event.shiftKey) return "pair";
  return withCtrl(event) ? "add" : "replace";
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
