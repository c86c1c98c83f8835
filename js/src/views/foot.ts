/** Under the picture: the heads' fold, pins to come back to, and the comparison of two of them. */
import { textOn } from "../color";
import { headsName, layersName, residualName } from "../format";
import type { Context, Frame, Tab, View } from "../frame";
import type { Pin } from "../model";
import {
  alike,
  attribute,
  button,
  consume,
  div,
  element,
  listen,
  span,
  targetWithin,
  text,
} from "./dom";
import { icon } from "./icons";
import { Segmented } from "./segmented";

const TABS: Readonly<Record<Tab, string>> = {
  graph: "Graph",
  matrix: "Matrix",
  heads: "Heads",
};

export class Foot implements View {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #tabs: Segmented<Tab>;
  readonly #fold = button(
    "aw-fold",
    { "data-action": "heads", "aria-expanded": "false" },
    icon("chevron", 12),
    "Heads",
  );
  readonly #pins = div({ class: "aw-pins", role: "group", "aria-label": "Pins" });
  readonly #pin = footButton("pin", "Pin this", "add");
  readonly #compare = footButton("compare", "Compare");
  readonly #swap = footButton("swap", "Swap", "swap");
  readonly #end = footButton("end-comparison", "End comparison");
  readonly #hint = span({ class: "aw-foot-hint", role: "status" });
  #frame: Frame | null = null;
  #seen: readonly unknown[] = [];
  /** Pins chosen for a comparison so far; null while none is being set up. */
  #choosing: number[] | null = null;
  #renaming: number | null = null;

  constructor(context: Context) {
    this.#context = context;
    const { signal, actions } = context;
    this.#tabs = new Segmented(signal, "tab", "View", TABS, actions.setTab);
    attribute(this.#pin, "aria-label", "Pin this");
    this.#pin.title = "Keep the selection with its settings (p)";
    this.el = div(
      "aw-foot",
      this.#fold,
      this.#tabs.el,
      this.#pins,
      this.#hint,
      ...[this.#pin, this.#compare, this.#swap, this.#end],
    );
    const on = (target: HTMLElement, click: () => void): void => listen(target, signal, { click });
    on(this.#fold, actions.toggleHeads);
    on(this.#pin, actions.pinCurrent);
    on(this.#swap, actions.swapCompared);
    on(this.#end, actions.endComparison);
    on(this.#compare, () => this.#startChoosing());
    this.#listenToPins();
  }

  update(frame: Frame): void {
    this.#frame = frame;
    const narrow = frame.size === "narrow";
    this.#fold.hidden = narrow;
    this.#tabs.el.hidden = !narrow;
    this.#tabs.set(frame.tab);
    attribute(this.#fold, "aria-expanded", frame.headsOpen);
    if (frame.pins.length < 2 || frame.compared !== null) this.#choosing = null;
    const comparing = frame.compared !== null;
    this.#pin.hidden = comparing || this.#choosing !== null;
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
    if (alike(seen, this.#seen)) return;
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
    for (const [pole, t] of Object.entries({ a: 1, b: -1 })) {
      this.#pins.style.setProperty(`--aw-pole-${pole}`, theme.div(t));
      this.#pins.style.setProperty(`--aw-on-pole-${pole}`, textOn(theme.div(t)));
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
    const chip = span({ class: "aw-chip", "data-pin": String(index) });
    attribute(chip, "data-pole", pole);
    attribute(chip, "data-chosen", this.#choosing?.includes(index) ? "" : null);
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
    chip.append(
      button(
        "aw-chip-show",
        { title: `${name}: ${settingsText(pin)}` },
        ...(letter === "" ? [] : [span("aw-badge", letter)]),
        element("bdi", "aw-chip-name", name),
      ),
      button("aw-chip-remove", { "aria-label": `Remove the pin ${name}` }, icon("close", 10)),
    );
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
    const fieldOf = (event: Event) => targetWithin<HTMLInputElement>(event, "input.aw-chip-field");
    const commit = (field: HTMLInputElement): void => {
      const index = this.#renaming;
      this.#rename(null);
      if (index !== null) actions.renamePin(index, field.value);
    };
    listen(this.#pins, signal, {
      click: (event) => {
        const index = indexOf(event);
        if (targetWithin(event, ".aw-chip-remove") !== null) actions.removePin(index);
        else if (targetWithin(event, ".aw-chip-show") !== null) this.#show(index);
      },
      dblclick: (event) => {
        if (targetWithin(event, ".aw-chip-show") !== null) this.#rename(indexOf(event));
      },
      keydown: (event) => {
        const field = fieldOf(event);
        if (field !== null) {
          if (event.key === "Enter") commit(field);
          else if (event.key === "Escape") this.#rename(null);
          else return;
        } else if (event.key === "F2") this.#rename(indexOf(event));
        else if (event.key === "Delete") actions.removePin(indexOf(event));
        else return;
        consume(event);
      },
      focusout: (event) => {
        const field = fieldOf(event);
        if (field !== null && this.#renaming !== null) commit(field);
      },
    });
    listen(this.el, signal, {
      keydown: (event) => {
        if (event.key !== "Escape" || this.#choosing === null) return;
        consume(event);
        this.#startChoosing();
      },
    });
  }
}

function footButton(action: string, label: string, sign?: "add" | "swap"): HTMLButtonElement {
  const signs = sign === undefined ? [] : [icon(sign, 14)];
  return button("aw-foot-button", { "data-action": action }, ...signs, span({}, label));
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
  return `${name === undefined ? "all outputs" : `‘${name}’`}, ${headsName(heads)}`;
}

function settingsText({ method, levels, heads, residual }: Pin): string {
  return [method, layersName(method, levels), headsName(heads), residualName(residual)].join(", ");
}
