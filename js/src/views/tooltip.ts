/** Exact numbers for what is under the pointer, below its row and inside the widget. */
import type { Context, Frame, View } from "../frame";
import { hint } from "../hint";
import { div, element, rootOf } from "./dom";

/** The tallest row: whatever part of it the pointer is on, this far away is outside of it. */
const CLEAR = 20;
const EDGE = 4;

export class Tooltip implements View {
  readonly el: HTMLElement;
  #shown = "";

  constructor(_context?: Context) {
    this.el = div({ class: "aw-tooltip", role: "tooltip" });
    this.el.hidden = true;
  }

  update(frame: Frame): void {
    const lines = hint(frame);
    const { hovered } = frame;
    this.el.hidden = hovered === null || lines.length === 0;
    if (hovered === null || lines.length === 0) return;
    const key = JSON.stringify([lines, hovered.x, hovered.y, frame.width]);
    if (key === this.#shown) return;
    this.#shown = key;
    this.el.replaceChildren(
      ...lines.map((spans) =>
        div(
          {},
          ...spans.map(({ text, tone }) =>
            element("bdi", { class: `aw-${tone}`, dir: "ltr" }, text),
          ),
        ),
      ),
    );
    this.#place(hovered.x, hovered.y);
  }

  #place(x: number, y: number): void {
    const root = rootOf(this.el);
    const { offsetWidth: width, offsetHeight: height } = this.el;
    const left = Math.max(EDGE, Math.min(x - width / 2, root.clientWidth - width - EDGE));
    const below = y + CLEAR;
    const flips = below + height > root.clientHeight - EDGE && y - CLEAR - height >= EDGE;
    this.el.style.left = `${Math.round(left)}px`;
    this.el.style.top = `${Math.round(flips ? y - CLEAR - height : below)}px`;
  }
}
