/** The script of a saved page: the views of the widget on a model that lives in the page. */
import { App } from "../app";
import { Model } from "../model";
import { Kernel } from "./kernel";
import { LocalModel } from "./local";
import { readPayload } from "./payload";

/** The element that holds the view; whoever scripts the page finds its model there. */
export interface Host extends HTMLElement {
  model?: LocalModel;
}

async function start(host: Host): Promise<void> {
  const { state, attention, flow } = await readPayload(textOf("attn-state"), textOf("attn-data"));
  const model = new LocalModel(state);
  new Kernel(model, attention, flow);
  const { signal } = new AbortController();
  host.replaceChildren();
  new App(new Model(model, signal), host, signal);
  host.model = model;
}

function textOf(id: string): string {
  const found = document.getElementById(id);
  if (found?.textContent == null) throw new Error(`this file has lost its part “${id}”`);
  return found.textContent;
}

const host = document.getElementById("attn-view");
if (host !== null) {
  start(host).catch((error: unknown) => {
    const why = error instanceof Error ? error.message : String(error);
    host.textContent = `The picture cannot be drawn: ${why}. A browser of 2023 or newer is needed.`;
    host.setAttribute("role", "alert");
  });
}
