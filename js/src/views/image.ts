/** The image that a vision model saw, in the place of a text: pick a patch, see what it draws. */
import type { Context, Frame, View } from "../frame";
import {
  type ImageHit,
  type ImageLayout,
  imageHit,
  imageOverlay,
  imageStep,
  imageWords,
  layoutImage,
  tokenHit,
} from "../layout/image";
import { endOf, picked, ringed } from "../layout/strip";
import type { Overlay } from "../model";
import { deviceRatio, measureIn, paint, painterOn, resize } from "../paint/canvas";
import type { Mark } from "../scene";
import {
  alike,
  attribute,
  boxIn,
  div,
  element,
  listen,
  pointIn,
  presses,
  rootOf,
  span,
  text,
  UNREAD,
  withCtrl,
} from "./dom";
import { Segmented } from "./segmented";
import { Slider } from "./slider";

const OVERLAYS: Readonly<Record<Overlay, string>> = {
  contour: "Contour",
  heat: "Heat",
};

export class ImageStrip implements View {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #canvas = element("canvas", UNREAD);
  readonly #status = span({ class: "aw-unseen", role: "status" });
  readonly #box: HTMLElement;
  readonly #controls: HTMLElement;
  readonly #mode: Segmented<Overlay>;
  readonly #opacity: Slider;
  /** The image's own pixels are put here once, those of patches there at every frame. */
  readonly #photo = element("canvas");
  readonly #cells = element("canvas");
  #frame: Frame | null = null;
  #layout: ImageLayout | null = null;
  #key: readonly unknown[] = [];
  #font = "";
  #focus: number | null = null;
  #focusShown = false;

  constructor(context: Context) {
    this.#context = context;
    const { signal, actions } = context;
    const role = { role: "application", "aria-roledescription": "image of patches" };
    this.#box = div({ class: "aw-image", tabindex: "0", ...role }, this.#canvas, this.#status);
    this.#mode = new Segmented(signal, "overlay", "Overlay", OVERLAYS, actions.setOverlay);
    this.#opacity = new Slider(
      signal,
      { control: "overlay-opacity", label: "Opacity", step: 0.05, reserve: "100 %" },
      actions.setOverlayOpacity,
    );
    const group = { role: "group", "aria-label": "Overlay" };
    const controls = [this.#mode.el, this.#opacity.el];
    this.#controls = div({ class: "aw-image-controls", ...group }, ...controls);
    this.el = div("aw-image-strip", this.#box, this.#controls);
    this.#listen();
  }

  update(frame: Frame): void {
    this.#frame = frame;
    this.el.hidden = frame.image === null;
    if (frame.image === null) return;
    this.#mode.set(frame.overlay);
    const shown = `${Math.round(100 * frame.overlayOpacity)}\u00a0%`;
    this.#opacity.set({ value: frame.overlayOpacity, text: shown, spoken: shown, max: 1 });
    this.#controls.hidden = frame.image.pixels === null;
    const key = [
      ...[frame.image, frame.width, frame.size, frame.theme, frame.tokens, frame.trace],
      ...[frame.comparison, frame.selected, frame.matrix?.scale, frame.overlay],
      ...[frame.overlayOpacity, deviceRatio()],
    ];
    if (!alike(key, this.#key)) {
      if (this.#key[3] !== frame.theme) this.#font = getComputedStyle(this.el).fontFamily;
      this.#key = key;
      this.#layout = layoutImage(frame, measureIn(this.#font));
      const { rows, columns } = frame.image;
      attribute(
        this.#box,
        "aria-label",
        `Image of ${rows} by ${columns} patches. Arrow keys move, Enter traces, ` +
          "Shift and Enter makes a pair, Control and Enter adds.",
      );
    }
    this.#paint();
  }

  /** The picture as it stands, without hover and focus; none of a text. */
  marks(): Mark[] {
    if (this.#layout === null || this.#frame?.image === null) return [];
    const { photo, marks } = this.#layout;
    return photo === null ? marks : [photo, ...marks];
  }

  get height(): number {
    return this.#layout?.height ?? 0;
  }

  #paint(): void {
    const frame = this.#frame;
    const layout = this.#layout;
    if (frame === null || layout === null) return;
    const ratio = deviceRatio();
    const width = frame.width - (frame.size === "narrow" ? 24 : 32);
    resize(this.#canvas, width, layout.height, ratio);
    const painter = painterOn(this.#canvas, ratio, this.#font, this.#photo);
    if (layout.photo !== null) paint(painter, [layout.photo]);
    const focus = this.#focusShown ? this.#focus : null;
    paint({ ...painter, scratch: this.#cells }, [
      ...layout.marks,
      ...imageOverlay(frame, layout, focus),
    ]);
    // Where the image is, for scripts that aim at a patch.
    const [main] = layout.panels;
    const place = main === undefined ? "" : [main.x, main.y, main.w, main.h].map(Math.round).join();
    attribute(this.#box, "data-image", place);
  }

  #at(event: MouseEvent): ImageHit | null {
    if (this.#layout === null || this.#frame?.image == null) return null;
    const { x, y } = pointIn(this.#box, event);
    return imageHit(this.#layout, this.#frame.image, x, y);
  }

  #hover(hit: ImageHit | null): void {
    const { actions } = this.#context;
    if (hit === null || this.#frame === null) {
      actions.hover(null);
      return;
    }
    const { token, level, box } = hit;
    const { x, y } = boxIn(rootOf(this.el), this.#box);
    actions.hover({
      target: level === null ? endOf(this.#frame, token) : { kind: "node", level, token },
      x: x + box.x + box.w / 2,
      // The tooltip keeps clear of a row of text: a patch may be higher.
      y: y + box.y + Math.max(box.h / 2, box.h - 12),
    });
  }

  #pick({ token, level }: ImageHit, event: MouseEvent | KeyboardEvent): void {
    if (this.#frame === null) return;
    const { actions } = this.#context;
    const keys = { shift: event.shiftKey, toggle: withCtrl(event) };
    const { node, how } = picked(this.#frame, token, keys);
    actions.select(level === null ? node : [level, token], how);
  }

  #listen(): void {
    const box = this.#box;
    const { signal, actions } = this.#context;
    listen(box, signal, {
      pointermove: (event) => {
        const hit = this.#at(event);
        box.style.cursor = hit === null ? "default" : "pointer";
        this.#hover(hit);
      },
      pointerleave: () => actions.hover(null),
      pointerdown: () => this.#showFocus(false),
      click: (event) => {
        const hit = this.#at(event);
        if (hit === null) return;
        this.#focus = hit.token;
        this.#pick(hit, event);
        // The new trace is to be seen whole, not dimmed by a pointer that only rests.
        actions.hover(null);
      },
      focus: () => {
        if (box.matches(":focus-visible")) this.#showFocus(true);
      },
      blur: () => {
        if (this.#focusShown) actions.hover(null);
        this.#showFocus(false);
      },
      keydown: (event) => this.#onKey(event),
    });
  }

  #showFocus(shown: boolean): void {
    this.#focusShown = shown;
    if (shown) this.#focus = this.#place();
    this.#paint();
  }

  /** Where the keyboard stands: on the selection to begin with, else on the first token. */
  #place(): number {
    const [first] = ringed(this.#frame?.selected ?? []);
    const known = this.#focus !== null && this.#focus < (this.#frame?.n ?? 0);
    return known ? this.#focus! : (first ?? 0);
  }

  #onKey(event: KeyboardEvent): void {
    const image = this.#frame?.image;
    if (image == null || this.#layout === null || event.altKey) return;
    const token = this.#place();
    if (presses(event)) {
      this.#pick({ token, level: null, box: { x: 0, y: 0, w: 0, h: 0 } }, event);
    } else if (event.key.startsWith("Arrow") && !withCtrl(event)) {
      // The first key after a click only brings the ring out.
      this.#focus = this.#focusShown ? imageStep(image, token, event.key) : token;
      this.#focusShown = true;
      this.#hover(tokenHit(this.#layout, image, this.#focus));
      text(this.#status, imageWords(this.#frame!, this.#focus));
      this.#paint();
    } else return;
    event.preventDefault();
  }
}
