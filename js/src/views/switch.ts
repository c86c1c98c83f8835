/** On or off, with one line that says what it does. */
import { attribute, element, text } from "./dom";

let made = 0;

export class Switch {
  readonly el: HTMLElement;
  readonly #button: HTMLButtonElement;
  readonly #why: HTMLElement;
  readonly #does: string;
  #on = false;

  constructor(
    signal: AbortSignal,
    options: { control: string; label: string; does: string },
    onSwitch: (on: boolean) => void,
  ) {
    made += 1;
    this.#does = options.does;
    this.#why = element("span", { class: "aw-switch-does", id: `aw-switch-${made}` }, options.does);
    this.#button = element(
      "button",
      {
        type: "button",
        class: "aw-switch",
        role: "switch",
        "data-control": options.control,
        "aria-checked": "false",
        "aria-describedby": this.#why.id,
      },
      element("span", { class: "aw-switch-track" }),
      element("span", { class: "aw-switch-label" }, options.label),
    );
    this.el = element("div", { class: "aw-switch-row" }, this.#button, this.#why);
    this.#button.addEventListener("click", () => onSwitch(!this.#on), { signal });
  }

  /** `off`: why it cannot be switched now. */
  set(on: boolean, off: string | null = null): void {
    this.#on = on;
    attribute(this.#button, "aria-checked", String(on));
    attribute(this.el, "data-off", off === null ? null : "");
    this.#button.disabled = off !== null;
    text(this.#why, off ?? this.#does);
  }
}
