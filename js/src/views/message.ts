/** What went wrong, in one sentence, above a picture that stays as it was. */
import type { Context, Frame, View } from "../frame";
import { button, div, element, listen, text } from "./dom";

/** A message may bring a second sentence that says what to do. */
export function splitMessage(message: string): [what: string, mend: string] {
  const match = /^(.+?[.!?])\s+(?=[A-Z‘'"`(])([\s\S]+)$/su.exec(message.trim());
  return match === null ? [message.trim(), ""] : [match[1]!, match[2]!];
}

export class Message implements View {
  readonly el: HTMLElement;
  readonly #what = element("p", "aw-message-what");
  readonly #mend = element("p", "aw-message-mend");

  constructor({ signal, actions }: Context) {
    const dismiss = button("aw-button", { "data-action": "dismiss" }, "Dismiss");
    const words = div("aw-message-words", this.#what, this.#mend);
    this.el = div({ class: "aw-message", role: "alert" }, words, dismiss);
    this.el.hidden = true;
    listen(dismiss, signal, { click: () => actions.dismissError() });
  }

  update({ error }: Frame): void {
    const [what, mend] = splitMessage(error);
    text(this.#what, what);
    text(this.#mend, mend);
    this.#mend.hidden = mend === "";
    this.el.hidden = error === "";
  }
}
