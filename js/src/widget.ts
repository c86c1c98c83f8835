/** The entry that anywidget calls once for every view. */
import type { RenderProps } from "@anywidget/types";
import { App } from "./app";
import { onEnd } from "./ending";
import { Model, type WidgetState } from "./model";

function render({ model, el, signal }: RenderProps<WidgetState>): () => void {
  // Hosts older than anywidget 0.11 give no signal; the returned clean-up serves them.
  const controller = new AbortController();
  if (signal) onEnd(signal, () => controller.abort());
  new App(new Model(model, controller.signal), el, controller.signal);
  return () => controller.abort();
}

export default { render };
