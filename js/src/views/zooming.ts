/**
 * Wheel, drag and double click on the stage. Ctrl or Cmd with the wheel (a pinch sends the same)
 * zooms at the pointer, so that a page is never kept from scrolling; on a full screen, where there
 * is none, the wheel alone zooms over the matrix. Once rows are zoomed and the stage has focus, the
 * wheel alone moves through them, and at their end it is the page's again.
 */
import { onEnd } from "../ending";
import type { Zones } from "../layout/zones";
import { centred, panned, sameZoom, WHOLE, type Zoom, zoomed } from "../layout/zoom";
import { div, listen, pointIn, UNREAD, withCtrl } from "./dom";

/** Pixels of a wheel's line, and of one of its pages. */
const LINE = 16;
const PAGE = 400;
/** A wheel's pixels to an e-fold of zoom; a pinch sends small steps. */
const FOLD = 240;
/** A pointer that moves less than this has clicked. */
const CLICK = 4;
const HINT_MS = 1600;

export interface ZoomHost {
  zones(): Zones | null;
  zoom(): Zoom;
  show(zoom: Zoom): void;
  centre(x: number, y: number): void;
}

/** Nearer by `factor` about shares of the window; columns stay where there is no share for them. */
export function zoomAt(
  zoom: Zoom,
  zones: Zones,
  n: number,
  at: { rows: number; columns: number | null },
  factor: number,
): Zoom {
  const { top, bottom, matrix } = zones;
  return {
    rows: zoomed(zoom.rows, n, at.rows, factor, bottom - top),
    columns:
      matrix === null || at.columns === null
        ? zoom.columns
        : zoomed(zoom.columns, n, at.columns, factor, matrix.w),
  };
}

/** Move by px: rows everywhere, columns only within the matrix. */
export function panBy(zoom: Zoom, zones: Zones, n: number, dx: number, dy: number): Zoom {
  return {
    rows: panned(zoom.rows, n, dy / zones.pitch),
    columns:
      zones.matrix === null ? zoom.columns : panned(zoom.columns, n, dx / zones.matrix.cellW),
  };
}

/** Rows around a token; null where all rows are in view at a readable height anyway. */
export function centredOn(zones: Zones, n: number, token: number): Zoom | null {
  const rows = centred(n, token, zones.bottom - zones.top);
  if (rows === null) return null;
  const columns = zones.matrix === null ? null : centred(n, token, zones.matrix.w);
  const near = { rows, columns };
  // A second double click shows everything again.
  const now = { rows: zones.rows, columns: columns === null ? null : zones.columns };
  return sameZoom(near, now) ? WHOLE : near;
}

function isOver(matrix: Zones["matrix"], x: number): matrix is NonNullable<Zones["matrix"]> {
  return matrix !== null && x >= matrix.x && x <= matrix.x + matrix.w;
}

export class Zooming {
  /** Says how to zoom, when a wheel is turned over a focused stage. */
  readonly hint = div({ class: "aw-zoom-hint", ...UNREAD });
  readonly #el: HTMLElement;
  readonly #host: ZoomHost;
  #drag: { id: number; x: number; y: number; inMatrix: boolean; moved: boolean } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(el: HTMLElement, signal: AbortSignal, host: ZoomHost) {
    this.#el = el;
    this.#host = host;
    this.hint.hidden = true;
    onEnd(signal, () => clearTimeout(this.#timer));
    el.addEventListener("wheel", (event) => this.#onWheel(event), { signal, passive: false });
    listen(el, signal, {
      pointerdown: (event) => this.#onDown(event),
      pointerup: () => this.#onUp(),
      pointercancel: () => this.#onUp(),
      dblclick: (event) => {
        const { x, y } = pointIn(this.#el, event);
        host.centre(x, y);
      },
    });
    const early = {
      pointermove: (event: PointerEvent) => this.#onMove(event),
      // A drag ends with a click that nobody meant.
      click: (event: MouseEvent) => this.#onClick(event),
    };
    listen(el, signal, early, true);
  }

  #onWheel(event: WheelEvent): void {
    const zones = this.#host.zones();
    if (zones === null) return;
    const { x, y } = pointIn(this.#el, event);
    const { matrix, top, bottom } = zones;
    if (y < top || y > bottom) return;
    const scale = event.deltaMode === 1 ? LINE : event.deltaMode === 2 ? PAGE : 1;
    const [dx, dy] = [event.deltaX * scale, event.deltaY * scale];
    const zoom = this.#host.zoom();
    const n = zones.tokens;
    const over = isOver(matrix, x);
    const alone = over && !event.shiftKey && this.#el.matches(":fullscreen *");
    if (withCtrl(event) || alone) {
      event.preventDefault();
      const at = {
        rows: (y - top) / (bottom - top),
        columns: over ? (x - matrix.x) / matrix.w : null,
      };
      // A notch of a wheel is 100 to 120 px, a step of a pinch a few.
      const pull = Math.max(-120, Math.min(120, dy)) * (Math.abs(dy) < 30 ? 3 : 1);
      this.#host.show(zoomAt(zoom, zones, n, at, Math.exp(-pull / FOLD)));
      return;
    }
    if (!this.#el.matches(":focus, :focus-within")) return;
    if (zoom.rows === null && zoom.columns === null) {
      if (over) this.#say(zones);
      return;
    }
    const moved = panBy(zoom, zones, n, event.shiftKey ? dy : dx, event.shiftKey ? 0 : dy);
    if (sameZoom(moved, zoom)) return;
    event.preventDefault();
    this.#host.show(moved);
  }

  #say(zones: Zones): void {
    const apple = /Mac|iP(hone|ad)/.test(navigator.platform);
    this.hint.textContent = `${apple ? "⌘" : "Ctrl"} and wheel zoom, drag moves, double click resets`;
    this.hint.style.top = `${zones.bottom - 30}px`;
    this.hint.hidden = false;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.hint.hidden = true;
    }, HINT_MS);
  }

  #onDown(event: PointerEvent): void {
    const zones = this.#host.zones();
    this.#drag = null;
    if (zones === null || !zones.zoomed || event.button !== 0 || event.shiftKey) return;
    const { x, y } = pointIn(this.#el, event);
    if (y < zones.top || y > zones.bottom) return;
    const inMatrix = isOver(zones.matrix, x);
    this.#drag = { id: event.pointerId, x, y, inMatrix, moved: false };
  }

  #onMove(event: PointerEvent): void {
    const drag = this.#drag;
    const zones = this.#host.zones();
    if (drag === null || zones === null) return;
    if (event.buttons === 0) {
      this.#drag = null;
      return;
    }
    const { x, y } = pointIn(this.#el, event);
    if (!drag.moved) {
      if (Math.hypot(x - drag.x, y - drag.y) < CLICK) return;
      drag.moved = true;
      this.#el.setPointerCapture(drag.id);
    }
    // Nothing lights up under a hand that moves the picture.
    event.stopImmediatePropagation();
    event.preventDefault();
    this.#el.style.cursor = "grabbing";
    const dx = drag.inMatrix ? drag.x - x : 0;
    this.#host.show(panBy(this.#host.zoom(), zones, zones.tokens, dx, drag.y - y));
    drag.x = x;
    drag.y = y;
  }

  #onUp(): void {
    if (this.#drag?.moved !== true) this.#drag = null;
    this.#el.style.cursor = "";
  }

  #onClick(event: MouseEvent): void {
    if (this.#drag?.moved === true) event.stopImmediatePropagation();
    this.#drag = null;
  }
}
