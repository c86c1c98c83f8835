/** A long text: one thin column a token, index ticks, and the strongest sources in context. */
import { flowValue, percent } from "../format";
import type { Context, Frame } from "../frame";
import { along } from "../layout/arrows";
import { endOf, indexTicks, quotes, ringed, tintColors } from "../layout/strip";
import { isFlow } from "../model";
import { deviceRatio } from "../paint/canvas";
import { textMarks } from "../save";
import { type Mark, rect, swatch } from "../scene";
import {
  alike,
  attribute,
  boxIn,
  button,
  div,
  element,
  listen,
  presses,
  rootOf,
  span,
  targetWithin,
  text,
  UNREAD,
} from "./dom";

const HEIGHT = 12;
/** Tokens to a page of keys. */
const PAGE = 16;
/** Room above and below the columns for the ring of the selected token. */
const ROOM = 3;

export class Barcode {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #canvas = element("canvas", { class: "aw-barcode-canvas", ...UNREAD });
  readonly #bar: HTMLElement;
  readonly #ring = span("aw-barcode-ring");
  readonly #ticks = div({ class: "aw-barcode-ticks", ...UNREAD });
  readonly #quotes = div("aw-quotes");
  readonly #onPick: (token: number, event: MouseEvent | KeyboardEvent) => void;
  #frame: Frame | null = null;
  #shown: readonly unknown[] = [];
  #quoted = "";
  #cursor = 0;

  constructor(
    context: Context,
    onPick: (token: number, event: MouseEvent | KeyboardEvent) => void,
  ) {
    this.#context = context;
    this.#onPick = onPick;
    this.#bar = div(
      {
        class: "aw-barcode",
        role: "slider",
        tabindex: "0",
        "aria-label": "Token",
        "aria-valuemin": "0",
      },
      this.#canvas,
      this.#ring,
    );
    this.el = div("aw-barcode-view", this.#bar, this.#ticks, this.#quotes);
    this.#listen();
  }

  update(frame: Frame, width: number): void {
    this.#frame = frame;
    const ratio = deviceRatio();
    const shown = [
      frame.tokens,
      frame.trace,
      frame.theme.dark,
      frame.selected,
      frame.matrix?.scale,
      frame.comparison,
      width,
      ratio,
    ];
    if (alike(shown, this.#shown)) return;
    if (frame.tokens !== this.#shown[0]) this.#buildTicks(frame);
    if (width !== this.#shown[6] || ratio !== this.#shown[7]) {
      this.#canvas.width = Math.round(this.#bar.clientWidth * ratio);
      this.#canvas.height = Math.round(HEIGHT * ratio);
    }
    // Not in the page yet: to be asked again.
    this.#shown = this.#canvas.width === 0 ? [] : shown;
    const [selected] = ringed(frame.selected);
    if (selected !== undefined) this.#cursor = selected;
    this.#cursor = Math.min(this.#cursor, frame.n - 1);
    this.#paint(frame);
    this.#quote(frame);
    this.#describe(frame);
    this.#ring.hidden = selected === undefined;
    this.#ring.style.left = `${(100 * ((selected ?? 0) + 0.5)) / frame.n}%`;
  }

  /** The barcode as it stands in `around`: for a picture to keep. */
  marks(around: Element): Mark[] {
    const frame = this.#frame;
    if (frame === null) return [];
    const { theme, n } = frame;
    const { x, y, w } = boxIn(around, this.#canvas);
    const step = w / n;
    const marks: Mark[] = [swatch(x, y, w, HEIGHT, theme.panel)];
    for (const [token, color] of tintColors(frame).entries()) {
      if (color !== null) marks.push(swatch(x + token * step, y, step, HEIGHT, color));
    }
    const [selected] = ringed(frame.selected);
    if (selected !== undefined) {
      const left = x + (selected + 0.5) * step - 4;
      const ring = { x: left, y: y - ROOM, w: 8, h: HEIGHT + 2 * ROOM };
      marks.push(rect(ring, { radius: 4, stroke: theme.accent, width: 1.75 }));
    }
    marks.push(...textMarks([...this.#ticks.children], around));
    for (const quote of this.#quotes.children) {
      const [value, words] = quote.children as Iterable<Element> as [Element, Element];
      // A long quote is cut off where its place ends.
      const clip = boxIn(around, words);
      const inner = textMarks([...words.children], around);
      marks.push(...textMarks([value], around), { kind: "group", clip, marks: inner });
    }
    return marks;
  }

  #paint(frame: Frame): void {
    const context = this.#canvas.getContext("2d");
    if (context === null) return;
    context.fillStyle = frame.theme.panel;
    context.fillRect(0, 0, this.#canvas.width, this.#canvas.height);
    const step = this.#canvas.width / frame.n;
    for (const [token, t] of tintColors(frame).entries()) {
      if (t === null) continue;
      context.fillStyle = t;
      const left = Math.floor(token * step);
      const right = Math.max(left + 1, Math.floor((token + 1) * step));
      context.fillRect(left, 0, right - left, this.#canvas.height);
    }
  }

  #buildTicks(frame: Frame): void {
    this.#ticks.replaceChildren(
      ...indexTicks(frame.n).map((index) => {
        const tick = span("aw-barcode-tick", String(index));
        tick.style.left = `${(100 * index) / frame.n}%`;
        return tick;
      }),
    );
  }

  #quote(frame: Frame): void {
    const say = frame.even || isFlow(frame.trace) ? flowValue : percent;
    const found = quotes(frame);
    const key = JSON.stringify(found.map(({ token, before, after }) => [token, before, after]));
    if (key !== this.#quoted) {
      this.#quoted = key;
      this.#quotes.replaceChildren(
        ...found.map(({ token, before, name, after }) =>
          button(
            "aw-quote",
            { "data-token": String(token) },
            span("aw-strong"),
            span(
              "aw-quote-text",
              element("bdi", {}, `…${before}`),
              element("bdi", "aw-quote-name", name),
              element("bdi", {}, `${after}…`),
            ),
          ),
        ),
      );
    }
    // Under a drag the words stay, and only the figures are written anew.
    const figures = this.#quotes.querySelectorAll(".aw-strong");
    for (const [i, { value }] of found.entries()) text(figures[i]!, say(value));
  }

  #describe(frame: Frame): void {
    attribute(this.#bar, "aria-valuemax", Math.max(0, frame.n - 1));
    attribute(this.#bar, "aria-valuenow", this.#cursor);
    const name = frame.tokens[this.#cursor]?.text ?? "";
    attribute(this.#bar, "aria-valuetext", `${name}, token ${this.#cursor}`);
  }

  #tokenAt(event: MouseEvent): number {
    const { left, width } = this.#bar.getBoundingClientRect();
    const n = this.#frame?.n ?? 1;
    return Math.min(n - 1, Math.max(0, Math.floor(((event.clientX - left) / width) * n)));
  }

  #hover(token: number): void {
    const frame = this.#frame;
    if (frame === null) return;
    const { x, y, w } = boxIn(rootOf(this.el), this.#bar);
    this.#context.actions.hover({
      target: endOf(frame, token),
      x: x + ((token + 0.5) / frame.n) * w,
      y: y + ROOM + HEIGHT / 2,
    });
  }

  #listen(): void {
    const { signal, actions } = this.#context;
    listen(this.#quotes, signal, {
      click: (event) => {
        const token = targetWithin(event, ".aw-quote")?.getAttribute("data-token");
        if (token != null) this.#onPick(Number(token), event);
      },
    });
    listen(this.#bar, signal, {
      pointermove: (event) => this.#hover(this.#tokenAt(event)),
      pointerleave: () => actions.hover(null),
      blur: () => actions.hover(null),
      click: (event) => this.#onPick(this.#tokenAt(event), event),
      keydown: (event) => {
        const frame = this.#frame;
        if (frame === null) return;
        const page = { PageUp: PAGE, PageDown: -PAGE }[event.key];
        const [at, last] = [this.#cursor, frame.n - 1];
        // Upwards is onwards, as on any slider.
        const next = page ? Math.min(last, Math.max(0, at + page)) : along(event.key, at, last, -1);
        if (next !== null) {
          this.#cursor = next;
          this.#describe(frame);
          this.#hover(this.#cursor);
        } else if (presses(event)) this.#onPick(this.#cursor, event);
        else return;
        event.preventDefault();
      },
    });
  }
}
