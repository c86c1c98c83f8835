/** The line under the toolbar while the kernel works. */
import type { Context, Frame, View } from "../frame";
import { attribute, div, UNREAD } from "./dom";

export class ProgressLine implements View {
  readonly el: HTMLElement;
  readonly #bar = div("aw-progress-bar");

  constructor(_context: Context) {
    this.el = div({ class: "aw-progress", ...UNREAD }, this.#bar);
  }

  update({ progress }: Frame): void {
    const fraction = progress?.fraction ?? null;
    const percent =
      fraction === null ? null : String(Math.round(100 * Math.min(1, Math.max(0, fraction))));
    const set = (name: string, value: string | null): void => attribute(this.el, name, value);
    set("data-on", progress && "");
    set("aria-hidden", progress ? null : "true");
    set("role", progress && "progressbar");
    set("aria-label", progress?.text ?? null);
    set("data-unknown", progress && fraction === null ? "" : null);
    set("aria-valuemin", percent && "0");
    set("aria-valuemax", percent && "100");
    set("aria-valuenow", percent);
    this.#bar.style.width = percent === null ? "" : `${percent}%`;
  }
}
