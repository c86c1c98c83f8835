/** Graph or matrix, where there is no room for both. */
import type { Context, Frame, Tab, View } from "../frame";
import { element } from "./dom";
import { Segmented } from "./segmented";

const TABS: readonly { value: Tab; label: string }[] = [
  { value: "graph", label: "Graph" },
  { value: "matrix", label: "Matrix" },
];

export class Tabs implements View {
  readonly el: HTMLElement;
  readonly #segments: Segmented<Tab>;

  constructor({ signal, actions }: Context) {
    this.#segments = new Segmented(signal, "tab", "View", TABS, (tab) => actions.setTab(tab));
    this.el = element("div", { class: "aw-tabs" }, this.#segments.el);
  }

  update({ size, tab }: Frame): void {
    this.el.hidden = size !== "narrow";
    this.#segments.set(tab);
  }
}
