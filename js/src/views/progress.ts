/** The line under the toolbar while the kernel works. */
import type { Context, Frame, View } from "../frame";
import { attribute, element } from "./dom";

export class ProgressLine implements View {
  readonly el: HTMLElement;
  readonly #bar = element("div", { class: "aw-progress-bar" });

  constructor(_context: Context) {
    this.el = element("div", { class: "aw-progress", "aria-hidden": "true" }, this.#bar);
  }

  update({ progress }: Frame): void {
    const on = progress !== null;
    attribute(this.el, "data-on", on ? "" : null);
    attribute(this.el, "aria-hidden", on ? null : "true");
    attribute(this.el, "role", on ? "progressbar" : null);
    attribute(this.el, "aria-label", on ? progress.text : null);
    const fraction = progress?.fraction ?? null;
    attribute(this.el, "data-unknown", on && fraction === null ? "" : null);
    attribute(this.el, "aria-valuemin", on && fraction !== null ? "0" : null);
    attribute(this.el, "aria-valuemax", on && fraction !== null ? "100" : null);
    const percent = Math.round(100 * Math.min(1, Math.max(0, fraction ?? 0)));
    attribute(this.el, "aria-valuenow", on && fraction !== null ? String(percent) : null);
    this.#bar.style.width = fraction === null ? "" : `${percent}%`;
  }
}
