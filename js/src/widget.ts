/** The entry that anywidget calls once for every view. */
import type { RenderProps } from "@anywidget/types";
import { App } from "./app";
import { Model, type WidgetState } from "./model";

function render({ model, el, signal }: RenderProps<WidgetState>): () => void {
  // Hosts older than anywidget 0.11 give no signal; the returned clean-up serves them.
  const controller = new AbortController();
  signal?.addEventListener("abort", () => controller.abort(), { once: true });
  new App(new Model(model, controller.signal), el, controller.signal);
  return () => controller.abort();
}

export default { render };
