/** One view of the widget: composes the parts and redraws them, at most once a frame. */
import { createActions } from "./actions";
import { readTheme, type Theme } from "./color";
import { onEnd } from "./ending";
import type { Context, Frame, View, ViewState } from "./frame";
import { FrameBuilder } from "./framing";
import { stripWidth } from "./layout/zones";
import type { Model, WidgetState } from "./model";
import { watchKernel } from "./presence";
import { alike, div, listen } from "./views/dom";
import { Foot } from "./views/foot";
import { HeadsOverview } from "./views/heads";
import { ImageStrip } from "./views/image";
import { installKeys } from "./views/keys";
import { Message } from "./views/message";
import { Pace } from "./views/pace";
import { ProgressLine } from "./views/progress";
import { Saver } from "./views/saver";
import { SentenceView } from "./views/sentence";
import { Stage } from "./views/stage";
import { Strip } from "./views/strip";
import { Toolbar } from "./views/toolbar";
import { Tooltip } from "./views/tooltip";

const SYNCED: readonly (keyof WidgetState)[] = [
  "method",
  "levels",
  "heads",
  "top_head",
  "residual",
  "drop",
  "baseline",
  "selected",
  "mass_shown",
  "color_scale",
  "scale_rows",
  "merge_words",
  "hide_special",
  "heads_open",
  "height",
  "overlay",
  "overlay_opacity",
  "pins",
  "compared",
  "tokens",
  "special",
  "picture",
  "blocks",
  "produced",
  "n_layers",
  "n_heads",
  "shown_matrix",
  "shown_trace",
  "shown_comparison",
  "words",
  "head_maps",
  "head_shares",
  "note",
  "progress",
  "error",
];

/** Room for the legend's title at the left of its scale. */
const LEGEND_WORDS = 244;

/** Milliseconds for which colours are taken to be what they were. */
const THEME_AGE = 500;

export class App {
  readonly #root: HTMLElement;
  readonly #signal: AbortSignal;
  readonly #view: ViewState;
  readonly #builder: FrameBuilder;
  readonly #views: View[];
  readonly #strip: Strip;
  readonly #image: ImageStrip;
  readonly #stage: Stage;
  readonly #foot: Foot;
  readonly #saver: Saver;
  readonly #body = div("aw-body");
  #frame: Frame | null = null;
  #pending = false;
  #theme: Theme | null = null;
  #themeKey = "";
  #themeRead = Number.NEGATIVE_INFINITY;
  #footPlace: readonly unknown[] = [];
  /** What the height of what is above the stage depends on, and the height. */
  #aboveKey: readonly unknown[] = [];
  #heightNow = 0;
  readonly #observed = typeof ResizeObserver !== "undefined";

  constructor(model: Model, el: HTMLElement, signal: AbortSignal) {
    this.#signal = signal;
    const pace = new Pace(signal, () => {
      if (this.#builder.settle()) this.#invalidate();
    });
    this.#builder = new FrameBuilder(model, pace);
    this.#root = div("attn-widget");
    el.append(this.#root);
    onEnd(signal, () => this.#root.remove());

    const fused = model.get("heads");
    this.#view = {
      width: el.clientWidth,
      screen: null,
      tab: "graph",
      fusion: typeof fused === "string" ? fused : "mean",
      hovered: null,
      localError: "",
    };
    const invalidate = (): void => this.#invalidate();
    const context: Context = {
      signal,
      actions: createActions(
        model,
        this.#view,
        this.#root,
        invalidate,
        () => this.#builder.grouping,
        (format) => this.#saver.save(format),
      ),
      invalidate,
    };
    this.#strip = new Strip(context);
    this.#image = new ImageStrip(context);
    this.#stage = new Stage(context);
    this.#foot = new Foot(context);
    const host = { root: this.#root, model, view: this.#view, invalidate };
    const parts = { stage: this.#stage, strip: this.#strip, image: this.#image };
    this.#saver = new Saver({ ...host, ...parts }, signal);
    this.#body.append(this.#image.el, this.#strip.el, this.#stage.el, this.#foot.el);
    const above = [
      new Toolbar(context),
      new ProgressLine(context),
      new Message(context),
      new SentenceView(context),
    ];
    const heads = new HeadsOverview(context);
    const below = [heads, new Tooltip(context)];
    this.#views = [...above, ...below];
    this.#root.append(...above.map((view) => view.el), this.#body, ...below.map((view) => view.el));
    installKeys(this.#root, context, () => this.#frame);

    watchKernel(
      model,
      (sentence) => {
        if (sentence === this.#view.localError) return;
        this.#view.localError = sentence;
        invalidate();
      },
      signal,
    );
    // The hand is off a slider: the kernel gets the last value before anything that follows.
    listen(this.#root, signal, { change: () => model.flush() });
    model.onChange(SYNCED, () => {
      const fused = model.get("heads");
      if (typeof fused === "string") this.#view.fusion = fused;
      invalidate();
    });
    this.#watchSurroundings();
    this.#draw();
  }

  /** Draw when the width changes, and when the page changes between light and dark. */
  #watchSurroundings(): void {
    const resize = (): void => {
      const { clientWidth } = this.#root;
      const screen = this.#screen();
      if (clientWidth === 0) return;
      if (clientWidth === this.#view.width && screen === this.#view.screen) return;
      this.#view.width = clientWidth;
      this.#view.screen = screen;
      this.#invalidate();
    };
    if (this.#observed) {
      const observer = new ResizeObserver(() => {
        resize();
        if (this.#above().offsetHeight === this.#heightNow) return;
        this.#aboveKey = [];
        this.#invalidate();
      });
      observer.observe(this.#root);
      for (const { el } of [this.#strip, this.#image]) observer.observe(el);
      onEnd(this.#signal, () => observer.disconnect());
    } else {
      listen(window, this.#signal, { resize });
    }
    listen(document, this.#signal, { fullscreenchange: resize });
    // A theme shows itself by its colours, whatever the host switches and however late its style
    // sheet comes: the root's own colour has a transition (base.css), whose end is an event. A host
    // may hide the page while it switches: then being shown again is one.
    const look = (event: Event): void => {
      if (event.target !== this.#root) return;
      this.#themeRead = Number.NEGATIVE_INFINITY;
      this.#invalidate();
    };
    listen(this.#root, this.#signal, { transitionend: look, animationend: look });
  }

  /** What there is to fill; null while the widget stands in its page. */
  #screen(): number | null {
    return this.#root.matches(":fullscreen") ? this.#root.clientHeight : null;
  }

  #invalidate(): void {
    if (this.#pending) return;
    this.#pending = true;
    requestAnimationFrame(() => {
      this.#pending = false;
      if (!this.#signal.aborted) this.#draw();
    });
  }

  #draw(): void {
    // Asking makes the browser lay the page out; an observer tells of it unasked.
    if (!this.#observed || this.#frame === null) {
      this.#view.width = this.#root.clientWidth || this.#view.width;
    }
    if (this.#view.width === 0) return;
    try {
      this.#frame = this.#builder.build(this.#view, this.#readTheme());
    } catch (error) {
      // The picture stays as it was, and the mistake is shown over it.
      if (this.#frame === null) throw error;
      const message = error instanceof Error ? error.message : String(error);
      this.#frame = { ...this.#frame, error: `This picture cannot be drawn: ${message}` };
    }
    const frame = this.#frame;
    this.#root.setAttribute("data-size", frame.size);
    for (const view of this.#views) view.update(frame);
    this.#foot.update(frame);
    this.#drawBody(frame);
    this.#saver.update(frame);
  }

  #drawBody(frame: Frame): void {
    const { el } = this.#stage;
    el.hidden = frame.size === "narrow" && frame.tab === "heads";
    this.#image.update(frame);
    const room = this.#room(frame);
    this.#strip.update(frame, room);
    if (!el.hidden) {
      const height = this.#heightAbove(frame, room);
      this.#stage.update(frame, height);
      // The matrix may have moved with the strip's height; the second time it stays where it is.
      const left = this.#room(frame);
      if (left !== room && frame.image === null) {
        this.#strip.update(frame, left);
        const now = this.#heightAbove(frame, left);
        if (now !== height) this.#stage.update(frame, now);
      }
    }
    this.#placeFoot(frame);
  }

  /** What the stage lies under. Asked for its height only when that may differ; what else changes
   * it the observer sees. */
  #heightAbove(frame: Frame, room: number): number {
    const { tokens, selected, dropped, size, width, image } = frame;
    const key = [tokens, selected, dropped, size, width, image, room];
    if (!this.#observed || !alike(key, this.#aboveKey)) {
      this.#aboveKey = key;
      this.#heightNow = this.#above().offsetHeight;
    }
    return this.#heightNow;
  }

  #above(): HTMLElement {
    return (this.#frame?.image == null ? this.#strip : this.#image).el;
  }

  /** At the lower left of the stage, beside the legend; in a narrow widget below it. */
  #placeFoot(frame: Frame): void {
    const { zones } = this.#stage;
    const { style } = this.#foot.el;
    const beside = frame.size !== "narrow" && zones !== null;
    // Asking for the foot's height makes the browser lay the page out: only when it may differ.
    const place = [
      beside,
      ...[this.#heightNow, zones?.overlap],
      ...[zones?.foot.x, zones?.foot.y, zones?.foot.w, zones?.legend?.x, zones?.height],
      ...[frame.width, frame.pins, frame.comparison === null],
    ];
    if (alike(place, this.#footPlace)) return;
    this.#footPlace = place;
    this.#foot.el.toggleAttribute("data-beside", beside);
    if (!beside) {
      style.cssText = "";
      this.#body.style.paddingBottom = "";
      return;
    }
    const { foot, legend, height } = zones;
    const room = Math.min(foot.w, (legend?.x ?? frame.width) - LEGEND_WORDS - foot.x);
    style.left = `${foot.x}px`;
    style.top = `${this.#stage.el.offsetTop + foot.y}px`;
    style.width = `${Math.max(240, room)}px`;
    // Many pins take more than one line.
    const over = foot.y + this.#foot.el.offsetHeight + 8 - height;
    this.#body.style.paddingBottom = over > 0 ? `${Math.ceil(over)}px` : "";
  }

  /**
   * The same object as long as no colour has changed, so that views can tell by identity. Asking
   * for computed colours makes the browser work out every style, so a drag asks twice a second.
   */
  #readTheme(): Theme {
    const now = performance.now();
    if (this.#theme !== null && now - this.#themeRead < THEME_AGE) return this.#theme;
    this.#themeRead = now;
    const theme = readTheme(this.#root);
    const key = JSON.stringify(theme);
    if (this.#theme === null || key !== this.#themeKey) {
      this.#theme = theme;
      this.#themeKey = key;
      // What lies over other things needs the paper, even where the page's is transparent.
      this.#root.style.setProperty("--aw-surface", theme.paper);
    }
    return this.#theme;
  }

  /** The strip ends before the labels over the matrix, where it stands beside them. */
  #room(frame: Frame): number {
    const zones = this.#stage.zones;
    return zones === null ? frame.width : stripWidth(zones);
  }
}
