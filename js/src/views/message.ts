/** What went wrong, in one sentence, above a picture that stays as it was. */
import type { Context, Frame, View } from "../frame";
import { attribute, element, text } from "./dom";

/** A message may bring a second sentence that says what to do. */
export function splitMessage(message: string): [what: string, mend: string] {
  const match = /^(.+?[.!?])\s+(?=[A-Z‘'"`(])([\s\S]+)$/su.exec(message.trim());
  return match === null ? [message.trim(), ""] : [match[1]!, match[2]!];
}

export class Message implements View {
  readonly el: HTMLElement;
  readonly #what = element("p", { class: "aw-message-what" });
  readonly #mend = element("p", { class: "aw-message-mend" });

  constructor(context: Context) {
    const dismiss = element(
      "button",
      { type: "button", class: "aw-button", "data-action": "dismiss" },
      "Dismiss",
    );
    const words = element("div", { class: "aw-message-words" }, this.#what, this.#mend);
    this.el = element("div", { class: "aw-message", role: "alert" }, words, dismiss);
    this.el.hidden = true;
    dismiss.addEventListener("click", () => context.actions.dismissError(), {
      signal: context.signal,
    });
  }

  update({ error }: Frame): void {
    const [what, mend] = splitMessage(error);
    text(this.#what, what);
    text(this.#mend, mend);
    attribute(this.#mend, "hidden", mend === "" ? "" : null);
    this.el.hidden = error === "";
  }
}
