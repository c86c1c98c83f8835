/** A whole widget on a fake of anywidget's model: it keeps the state and writes down messages. */
import "../../src/widget.css";
import type { WidgetState } from "../../src/model";
import widget from "../../src/widget";
import { sent } from "../stages";

type Listener = (...given: unknown[]) => void;
type Render = Parameters<typeof widget.render>[0];

export interface Opened {
  root: HTMLElement;
  state: WidgetState;
  /** What was sent as messages, with bytes. */
  messages: [content: unknown, buffers: ArrayBuffer[]][];
  /** Every state that was sent, the changed traits alone. */
  saved: Partial<WidgetState>[];
  /** As the kernel sets a trait. */
  change(state: Partial<WidgetState>): void;
  /** As the kernel sends a message. */
  tell(content: unknown): void;
  /** Listeners on the model. */
  listeners(): number;
  find<T extends HTMLElement = HTMLElement>(selector: string): T;
  /** The next drawn frame. */
  drawn(): Promise<void>;
  close(): void;
}

export function open(given: Partial<WidgetState> = {}, width = 1200): Opened {
  const state: WidgetState = { ...sent.rollout(), ...given };
  const listeners = new Map<string, Set<Listener>>();
  const messages: Opened["messages"] = [];
  const saved: Opened["saved"] = [];
  let changed: Partial<WidgetState> = {};
  const emit = (event: string, ...parts: unknown[]): void => {
    for (const listener of listeners.get(event) ?? []) listener(...parts);
  };
  const model = {
    get: (name: keyof WidgetState) => state[name],
    set: (name: keyof WidgetState, value: never) => {
      Object.assign(state, { [name]: value });
      Object.assign(changed, { [name]: value });
      emit(`change:${name}`);
    },
    save_changes: () => {
      saved.push(changed);
      changed = {};
    },
    on: (event: string, listener: Listener) => {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener));
    },
    off: (event: string, listener: Listener) => {
      listeners.get(event)?.delete(listener);
    },
    send: (content: unknown, _callbacks: unknown, buffers: ArrayBuffer[] = []) => {
      messages.push([content, buffers]);
    },
  };
  const el = document.createElement("div");
  el.style.width = `${width}px`;
  document.body.append(el);
  const controller = new AbortController();
  widget.render({ model, el, signal: controller.signal } as unknown as Render);
  const root = el.querySelector<HTMLElement>(".attn-widget")!;
  return {
    root,
    state,
    messages,
    saved,
    change: (next) => {
      Object.assign(state, next);
      for (const name of Object.keys(next)) emit(`change:${name}`);
    },
    tell: (content) => emit("msg:custom", content, []),
    listeners: () => [...listeners.values()].reduce((count, set) => count + set.size, 0),
    find: <T extends HTMLElement>(selector: string): T => {
      const found = root.querySelector<T>(selector);
      if (found === null) throw new Error(`no ${selector}`);
      return found;
    },
    drawn: () =>
      new Promise((resolve) => {
        requestAnimationFrame(() => requestAnimationFrame(() => resolve()));
      }),
    close: () => {
      controller.abort();
      el.remove();
    },
  };
}
