/** Under the picture: the heads' fold, pins to come back to, and the comparison of two of them. */
import { textOn } from "../color";
import { headsText } from "../format";
import type { Context, Frame, Tab, View } from "../frame";
import type { Pin } from "../model";
import { attribute, element, targetWithin, text } from "./dom";
import { icon } from "./icons";
import { Segmented } from "./segmented";

const TABS: readonly { value: Tab; label: string }[] = [
  { value: "graph", label: "Graph" },
  { value: "matrix", label: "Matrix" },
  { value: "heads", label: "Heads" },
];

export class Foot implements View {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #tabs: Segmented<Tab>;
  readonly #fold: HTMLButtonElement;
  readonly #pins = element("div", { class: "aw-pins", role: "group", "aria-label": "Pins" });
  readonly #pin: HTMLButtonElement;
  readonly #compare = button("compare", "Compare");
  readonly #swap = button("swap", "Swap", "swap");
  readonly #end = button("end-comparison", "End comparison");
  readonly #hint = element("span", { class: "aw-foot-hint", role: "status" });
  #frame: Frame | null = null;
  #seen: readonly unknown[] = [];
  /** Pins chosen for a comparison so far; null while none is being set up. */
  #choosing: number[] | null = null;
  #renaming: number | null = null;

  constructor(context: Context) {
    this.#context = context;
    const { signal, actions } = context;
    this.#tabs = new Segmented(signal, "tab", "View", TABS, (tab) => actions.setTab(tab));
    this.#fold = element(
      "button",
      { type: "button", class: "aw-fold", "data-action": "heads", "aria-expanded": "false" },
      icon("chevron", 12),
      "Heads",
    );
    this.#pin = button("pin", "Pin this", "add");
    this.#pin.title = "Keep the selection with its settings (p)";
    this.el = element(
      "div",
      { class: "aw-foot" },
      this.#fold,
      this.#tabs.el,
      this.#pins,
      this.#hint,
      this.#pin,
      this.#compare,
      this.#swap,
      this.#end,
    );
    const on = (target: HTMLElement, act: () => void): void =>
      target.addEventListener("click", act, { signal });
    on(this.#fold, () => actions.toggleHeads());
    on(this.#pin, () => actions.pinCurrent());
    on(this.#swap, () => actions.swapCompared());
    on(this.#end, () => actions.endComparison());
    on(this.#compare, () => this.#startChoosing());
    this.#listenToPins();
  }

  update(frame: Frame): void {
    this.#frame = frame;
    const narrow = frame.size === "narrow";
    this.#fold.hidden = narrow;
    this.#tabs.el.hidden = !narrow;
    this.#tabs.set(frame.tab);
    attribute(this.#fold, "aria-expanded", String(frame.headsOpen));
    if (frame.pins.length < 2 || frame.compared !== null) this.#choosing = null;
    const comparing = frame.compared !== null;
    this.#pin.hidden = comparing || this.#choosing !== null;
    attribute(this.#pin, "aria-label", "Pin this");
    // Where the foot is short of room, the sign alone.
    const short = narrow || (frame.size === "medium" && frame.pins.length > 1);
    attribute(this.#pin, "data-short", short ? "" : null);
    this.#compare.hidden = comparing || frame.pins.length < 2;
    text(this.#compare, this.#choosing === null ? "Compare" : "Cancel");
    this.#swap.hidden = this.#end.hidden = !comparing;
    text(this.#hint, this.#hintText());
    this.#hint.hidden = this.#hint.textContent === "";
    const seen = [
      ...[frame.pins, frame.compared?.join(), this.#choosing?.join(), this.#renaming],
      ...[frame.theme, frame.tokens],
    ];
    if (seen.length === this.#seen.length && seen.every((value, i) => value === this.#seen[i]))
      return;
    this.#seen = seen;
    this.#build(frame);
  }

  #hintText(): string {
    if (this.#choosing === null) return "";
    return this.#choosing.length === 0 ? "Choose a first pin" : "and a second one";
  }

  #build(frame: Frame): void {
    // A rebuilt row keeps the focus where it was.
    const root = this.el.getRootNode() as Document | ShadowRoot;
    const focused = root.activeElement?.closest("[data-pin]")?.getAttribute("data-pin");
    const { theme } = frame;
    for (const [pole, t] of [
      ["a", 1],
      ["b", -1],
    ] as const) {
      this.el.style.setProperty(`--aw-pole-${pole}`, theme.div(t));
      this.el.style.setProperty(`--aw-on-pole-${pole}`, textOn(theme.div(t)));
    }
    this.#pins.replaceChildren(...frame.pins.map((pin, index) => this.#chip(frame, pin, index)));
    this.#pins.hidden = frame.pins.length === 0;
    const field = this.#pins.querySelector("input");
    if (field !== null) {
      field.focus();
      field.select();
    } else if (focused != null) {
      const chips = this.#pins.querySelectorAll<HTMLElement>(".aw-chip-show");
      (chips[Math.min(Number(focused), chips.length - 1)] ?? this.#pin).focus();
    }
  }

  #chip(frame: Frame, pin: Pin, index: number): HTMLElement {
    const pole = poleOf(frame, index);
    const chip = element("span", { class: "aw-chip", "data-pin": String(index) });
    if (pole !== null) chip.setAttribute("data-pole", pole);
    if (this.#choosing?.includes(index)) chip.setAttribute("data-chosen", "");
    const name = pin.name === "" ? pinLabel(frame, pin) : pin.name;
    // While two are compared, A and B are these two and no others.
    const letter = frame.compared === null ? letterOf(index) : (pole?.toUpperCase() ?? "");
    if (this.#renaming === index) {
      const field = element("input", { class: "aw-chip-field", "aria-label": "Name of the pin" });
      field.value = name;
      field.size = Math.max(8, name.length);
      chip.append(field);
      return chip;
    }
    const show = element(
      "button",
      { type: "button", class: "aw-chip-show", title: `${name}: ${settingsText(pin)}` },
      ...(letter === "" ? [] : [element("span", { class: "aw-badge" }, letter)]),
      element("bdi", { class: "aw-chip-name" }, name),
    );
    const remove = element(
      "button",
      { type: "button", class: "aw-chip-remove", "aria-label": `Remove the pin ${name}` },
      icon("close", 10),
    );
    chip.append(show, remove);
    return chip;
  }

  #startChoosing(): void {
    const pins = this.#frame?.pins ?? [];
    if (pins.length === 2) {
      this.#context.actions.compare(0, 1);
      return;
    }
    this.#choosing = this.#choosing === null ? [] : null;
    this.#context.invalidate();
  }

  #show(index: number): void {
    const { actions, invalidate } = this.#context;
    if (this.#choosing === null) {
      actions.showPin(index);
      return;
    }
    const [first] = this.#choosing;
    if (first === undefined) this.#choosing = [index];
    else {
      this.#choosing = null;
      if (first !== index) actions.compare(first, index);
    }
    invalidate();
  }

  #rename(index: number | null): void {
    this.#renaming = index;
    this.#context.invalidate();
  }

  #listenToPins(): void {
    const { signal, actions } = this.#context;
    const indexOf = (event: Event): number =>
      Number(targetWithin(event, "[data-pin]")?.getAttribute("data-pin") ?? Number.NaN);
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      listener: (event: HTMLElementEventMap[K]) => void,
    ): void => this.#pins.addEventListener(type, listener, { signal });
    on("click", (event) => {
      const index = indexOf(event);
      if (targetWithin(event, ".aw-chip-remove") !== null) actions.removePin(index);
      else if (targetWithin(event, ".aw-chip-show") !== null) this.#show(index);
    });
    on("dblclick", (event) => {
      if (targetWithin(event, ".aw-chip-show") !== null) this.#rename(indexOf(event));
    });
    const commit = (field: HTMLInputElement): void => {
      const index = this.#renaming;
      this.#rename(null);
      if (index !== null) actions.renamePin(index, field.value);
    };
    on("keydown", (event) => {
      const field = targetWithin<HTMLElement>(event, ".aw-chip-field");
      if (field instanceof HTMLInputElement) {
        if (event.key === "Enter") commit(field);
        else if (event.key === "Escape") this.#rename(null);
        else return;
      } else if (event.key === "F2") this.#rename(indexOf(event));
      else if (event.key === "Delete") actions.removePin(indexOf(event));
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
    on("focusout", (event) => {
      const field = targetWithin<HTMLElement>(event, ".aw-chip-field");
      if (field instanceof HTMLInputElement && this.#renaming !== null) commit(field);
    });
    this.el.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || this.#choosing === null) return;
        event.preventDefault();
        event.stopPropagation();
        this.#startChoosing();
      },
      { signal },
    );
  }
}

function button(action: string, label: string, sign?: "add" | "swap"): HTMLButtonElement {
  return element(
    "button",
    { type: "button", class: "aw-foot-button", "data-action": action },
    ...(sign === undefined ? [] : [icon(sign, 14)]),
    element("span", {}, label),
  );
}

function poleOf({ compared }: Frame, index: number): "a" | "b" | null {
  if (compared === null) return null;
  return compared[0] === index ? "a" : compared[1] === index ? "b" : null;
}

/** A, B, …, Z, then the number. */
function letterOf(index: number): string {
  return index < 26 ? String.fromCharCode(65 + index) : String(index + 1);
}

/** Until the kernel has named a pin. */
function pinLabel(frame: Frame, { selected, heads }: Pin): string {
  const [first] = selected;
  const place = frame.members.findIndex(
    (tokens) => first !== undefined && tokens.includes(first[1]),
  );
  const name = frame.tokens[place]?.label;
  const how = typeof heads === "number" ? `head ${heads}` : `heads ${headsText(heads)}`;
  return `${name === undefined ? "all outputs" : `‘${name}’`}, ${heads === "mean" ? "all heads" : how}`;
}

function settingsText({ method, levels, heads, residual }: Pin): string {
  const [start, stop] = levels;
  const how = typeof residual === "number" ? residual.toFixed(2) : "per layer";
  return `${method}, layers ${start === 0 ? "input" : start}–${stop}, heads ${headsText(heads)}, residual ${how}`;
}
