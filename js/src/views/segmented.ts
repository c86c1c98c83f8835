/** One of a few: a row of segments with the semantics of radio buttons. */
import { ARROWS } from "../layout/arrows";
import { attribute, button, div, listen, targetWithin, withCtrl } from "./dom";

export class Segmented<T extends string> {
  readonly el: HTMLElement;
  readonly #buttons = new Map<T, HTMLButtonElement>();

  constructor(
    signal: AbortSignal,
    control: string,
    label: string,
    segments: Readonly<Record<T, string>>,
    onPick: (value: T) => void,
  ) {
    this.el = div({
      class: "aw-segmented",
      role: "radiogroup",
      "aria-label": label,
      "data-control": control,
    });
    const values = Object.keys(segments) as T[];
    for (const value of values) {
      const attributes = { role: "radio", "data-value": value, "aria-checked": "false" };
      const segment = button("aw-segment", { ...attributes, tabindex: "-1" }, segments[value]);
      this.#buttons.set(value, segment);
      this.el.append(segment);
    }
    const at = (event: Event): number => {
      const value = targetWithin(event, ".aw-segment")?.getAttribute("data-value");
      return values.indexOf(value as T);
    };
    const pick = (value: T | undefined): void => {
      if (value === undefined) return;
      this.#buttons.get(value)?.focus();
      onPick(value);
    };
    listen(this.el, signal, {
      click: (event) => pick(values[at(event)]),
      keydown: (event) => {
        const arrow = ARROWS[event.key];
        if (arrow === undefined || withCtrl(event)) return;
        event.preventDefault();
        // Round and round.
        pick(values.at((at(event) + arrow[0] + arrow[1]) % values.length));
      },
    });
  }

  /** `null`: none of them is on. */
  set(chosen: T | null): void {
    let first = chosen === null;
    for (const [value, segment] of this.#buttons) {
      attribute(segment, "aria-checked", value === chosen);
      // One of them is always reachable by Tab.
      attribute(segment, "tabindex", value === chosen || first ? "0" : "-1");
      first = false;
    }
  }
}
