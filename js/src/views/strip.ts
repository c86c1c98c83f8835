/** The text itself: every token as text, tinted by its part in the selection. */
import { textOn } from "../color";
import type { TokenText } from "../format";
import type { Context, Frame, View } from "../frame";
import { along } from "../layout/arrows";
import { endOf, picked, ringed, stripForm, tintColors } from "../layout/strip";
import { textMarks } from "../save";
import type { Mark } from "../scene";
import { Barcode } from "./barcode";
import {
  alike,
  attribute,
  boxIn,
  div,
  listen,
  presses,
  rootOf,
  span,
  targetWithin,
  withCtrl,
} from "./dom";

export class Strip implements View {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #list: HTMLElement;
  readonly #barcode: Barcode;
  #tokens: readonly TokenText[] | null = null;
  #options: HTMLElement[] = [];
  #shown: readonly unknown[] = [];
  /** The one token that Tab reaches; arrows move it. */
  #reachable = 0;
  #frame: Frame | null = null;

  constructor(context: Context) {
    this.#context = context;
    this.#list = div({
      class: "aw-tokens",
      role: "listbox",
      "aria-label": "Tokens",
      "aria-multiselectable": "true",
      "aria-orientation": "horizontal",
    });
    this.#barcode = new Barcode(context, (token, event) => this.#pick(token, event));
    this.el = div("aw-strip", this.#list, this.#barcode.el);
    this.#listen();
  }

  /** `room`: how wide the strip may be; all of its line when left out. */
  update(frame: Frame, room?: number): void {
    this.#frame = frame;
    const form = stripForm(frame.n);
    attribute(this.el, "data-form", form);
    const width = room === undefined ? "" : `${Math.max(0, Math.floor(room))}px`;
    if (this.el.style.maxWidth !== width) this.el.style.maxWidth = width;
    // A vision model's patches are read off its image.
    this.el.hidden = frame.n === 0 || frame.image !== null;
    if (this.el.hidden) return;
    this.#list.hidden = form === "barcode";
    this.#barcode.el.hidden = form !== "barcode";
    if (form === "barcode") {
      this.#barcode.update(frame, Math.min(room ?? frame.width, frame.width));
      return;
    }
    if (this.#tokens !== frame.tokens) this.#build(frame);
    const target = frame.hovered?.target;
    const hovered = target !== undefined && "token" in target ? target.token : -1;
    const shown = [
      frame.tokens,
      frame.trace,
      frame.theme.dark,
      frame.selected,
      frame.matrix?.scale,
      frame.comparison,
      frame.dropped,
    ];
    if (!alike(shown, this.#shown)) {
      this.#shown = shown;
      this.#paint(frame);
    }
    for (const [i, option] of this.#options.entries()) {
      attribute(option, "data-hover", i === hovered ? "" : null);
    }
  }

  /** The text as it stands in `around`: for a picture to keep. */
  marks(around: Element): Mark[] {
    if (this.el.hidden) return [];
    return this.#list.hidden ? this.#barcode.marks(around) : textMarks(this.#options, around);
  }

  #build(frame: Frame): void {
    this.#tokens = frame.tokens;
    this.#shown = [];
    this.#reachable = Math.min(this.#reachable, Math.max(0, frame.n - 1));
    // A chip of its own is easier to hit and to tint: as words, only the pieces of one word join.
    const asWords = stripForm(frame.n) === "words";
    const joined = (i: number): boolean => {
      const token = frame.tokens[i];
      if (token === undefined || i === 0) return false;
      return asWords ? token.piece : !token.spaceBefore;
    };
    this.#options = frame.tokens.map((token, i) => {
      const attributes: Record<string, string> = {
        class: "aw-token",
        role: "option",
        tabindex: "-1",
        "data-token": String(i),
      };
      if (token.special) attributes["data-special"] = "";
      if (joined(i)) attributes["data-joined"] = "";
      if (joined(i + 1)) attributes["data-joins"] = "";
      return span(attributes, token.text);
    });
    const line: (Node | string)[] = [];
    for (const [i, option] of this.#options.entries()) {
      // A comma never begins a line.
      if (i > 0 && !joined(i)) line.push(frame.tokens[i]!.spaceBefore ? " " : "\u00a0");
      line.push(option);
    }
    this.#list.replaceChildren(...line);
  }

  #paint(frame: Frame): void {
    const colors = tintColors(frame);
    const rings = ringed(frame.selected);
    const chosen = new Set(frame.selected.map(([, token]) => token));
    for (const [i, option] of this.#options.entries()) {
      const ring = rings.has(i);
      const tint = colors[i] ?? null;
      const tinted = !ring && tint !== null;
      const color = ring ? "" : (tint ?? "");
      option.style.backgroundColor = color;
      option.style.color = tinted ? textOn(color) : "";
      attribute(option, "data-tinted", tinted ? "" : null);
      attribute(option, "data-ringed", ring ? "" : null);
      const dropped = frame.dropped.has(i);
      attribute(option, "data-dropped", dropped ? "" : null);
      attribute(option, "aria-description", dropped ? "dropped: not read by attention" : null);
      attribute(option, "aria-selected", chosen.has(i));
    }
    const [first] = rings;
    this.#reach(first ?? this.#reachable, false);
  }

  #reach(token: number, focus: boolean): void {
    attribute(this.#options[this.#reachable] ?? this.#list, "tabindex", "-1");
    this.#reachable = token;
    const option = this.#options[token];
    if (option === undefined) return;
    attribute(option, "tabindex", "0");
    if (focus) option.focus();
  }

  #pick(token: number, event: MouseEvent | KeyboardEvent): void {
    if (this.#frame === null) return;
    const keys = { shift: event.shiftKey, toggle: withCtrl(event) };
    const { node, how } = picked(this.#frame, token, keys);
    this.#context.actions.select(node, how);
  }

  #listen(): void {
    const { signal, actions } = this.#context;
    const tokenOf = (event: Event): number | null => {
      const index = targetWithin(event, ".aw-token")?.getAttribute("data-token");
      return index == null ? null : Number(index);
    };
    const hover = (token: number): void => {
      const { x, y, w, h } = boxIn(rootOf(this.el), this.#options[token]!);
      actions.hover({ target: endOf(this.#frame!, token), x: x + w / 2, y: y + h / 2 });
    };
    listen(this.#list, signal, {
      click: (event) => {
        const token = tokenOf(event);
        if (token === null) return;
        this.#reach(token, false);
        this.#pick(token, event);
        // The new trace is to be seen whole, not dimmed by a pointer that only rests.
        actions.hover(null);
      },
      // Shift-click would select the text between two clicks.
      mousedown: (event) => {
        if (event.shiftKey && tokenOf(event) !== null) event.preventDefault();
      },
      pointerover: (event) => {
        const token = tokenOf(event);
        if (token === null) actions.hover(null);
        else hover(token);
      },
      pointerleave: () => actions.hover(null),
      focusin: (event) => {
        const token = tokenOf(event);
        if (token !== null && this.#options[token]!.matches(":focus-visible")) hover(token);
      },
      focusout: () => actions.hover(null),
      keydown: (event) => {
        const token = tokenOf(event);
        if (token === null) return;
        const next = along(event.key, token, this.#options.length - 1);
        if (next !== null) this.#reach(next, true);
        else if (presses(event)) this.#pick(token, event);
        else return;
        event.preventDefault();
      },
    });
  }
}
