/** One of a few: a row of segments with the semantics of radio buttons. */
import { attribute, element, targetWithin } from "./dom";

export interface Segment<T extends string> {
  value: T;
  label: string;
}

export class Segmented<T extends string> {
  readonly el: HTMLElement;
  readonly #buttons = new Map<T, HTMLButtonElement>();

  constructor(
    signal: AbortSignal,
    control: string,
    label: string,
    segments: readonly Segment<T>[],
    onPick: (value: T) => void,
  ) {
    this.el = element("div", {
      class: "aw-segmented",
      role: "radiogroup",
      "aria-label": label,
      "data-control": control,
    });
    for (const { value, label: name } of segments) {
      const attributes = {
        type: "button",
        role: "radio",
        class: "aw-segment",
        "data-value": value,
        "aria-checked": "false",
        tabindex: "-1",
      };
      const button = element("button", attributes, name);
      this.#buttons.set(value, button);
      this.el.append(button);
    }
    const values = segments.map(({ value }) => value);
    const pick = (value: T): void => {
      this.#buttons.get(value)?.focus();
      onPick(value);
    };
    this.el.addEventListener(
      "click",
      (event) => {
        const value = targetWithin(event, ".aw-segment")?.getAttribute("data-value");
        const known = values.find((candidate) => candidate === value);
        if (known !== undefined) pick(known);
      },
      { signal },
    );
    this.el.addEventListener(
      "keydown",
      (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (step === undefined || event.ctrlKey || event.metaKey) return;
        event.preventDefault();
        const current = targetWithin(event, ".aw-segment")?.getAttribute("data-value");
        const at = values.indexOf(current as T);
        pick(values[(at + step + values.length) % values.length]!);
      },
      { signal },
    );
  }

  /** `null`: none of them is on. */
  set(chosen: T | null): void {
    let first = chosen === null;
    for (const [value, button] of this.#buttons) {
      attribute(button, "aria-checked", String(value === chosen));
      // One of them is always reachable by Tab.
      attribute(button, "tabindex", value === chosen || first ? "0" : "-1");
      first = false;
    }
  }
}
