/** On or off, with one line that says what it does. */
import { attribute, button, div, listen, span, text } from "./dom";

let made = 0;

export class Switch {
  readonly el: HTMLElement;
  readonly #button: HTMLButtonElement;
  readonly #why: HTMLElement;
  readonly #does: string;
  #on = false;

  constructor(
    signal: AbortSignal,
    { control, label, does }: { control: string; label: string; does: string },
    onSwitch: (on: boolean) => void,
  ) {
    made += 1;
    this.#does = does;
    this.#why = span({ class: "aw-switch-does", id: `aw-switch-${made}` }, does);
    this.#button = button(
      "aw-switch",
      {
        role: "switch",
        "data-control": control,
        "aria-checked": "false",
        "aria-describedby": this.#why.id,
      },
      span("aw-switch-track"),
      span({}, label),
    );
    this.el = div("aw-switch-row", this.#button, this.#why);
    listen(this.#button, signal, { click: () => onSwitch(!this.#on) });
  }

  /** `off`: why it cannot be switched now. */
  set(on: boolean, off: string | null = null): void {
    this.#on = on;
    attribute(this.#button, "aria-checked", on);
    attribute(this.el, "data-off", off === null ? null : "");
    this.#button.disabled = off !== null;
    text(this.#why, off ?? this.#does);
  }
}
