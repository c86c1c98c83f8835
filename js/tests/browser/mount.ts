/** A widget's root with some of its views in it, fed with made-up frames. */
import "../../src/widget.css";
import { afterEach } from "vitest";
import type { Context, Frame, View } from "../../src/frame";
import { type Call, frameOf, recorder } from "../frames";

const open = new Set<AbortController>();

afterEach(() => {
  for (const controller of open) controller.abort();
  open.clear();
  document.body.replaceChildren();
});

export interface Mounted<V> {
  root: HTMLElement;
  view: V;
  context: Context;
  /** What the view has asked for so far. */
  calls: Call[];
  /** Show another frame: the first one with these parts changed. */
  show(given?: Partial<Frame>): Frame;
  frame(): Frame;
  /** What the host does when the view is removed. */
  remove(): void;
  find<T extends HTMLElement = HTMLElement>(selector: string): T;
}

export function mount<V extends View>(
  make: (context: Context) => V,
  first: Frame = frameOf(),
  width = first.width,
): Mounted<V> {
  const controller = new AbortController();
  open.add(controller);
  const { context, calls } = recorder(controller.signal);
  const root = document.createElement("div");
  root.className = "attn-widget";
  root.style.width = `${width}px`;
  root.style.minHeight = "400px";
  root.setAttribute("data-theme", "light");
  document.body.append(root);
  const view = make(context);
  root.append(view.el);
  let frame = first;
  const show = (given: Partial<Frame> = {}): Frame => {
    frame = { ...frame, ...given };
    root.setAttribute("data-size", frame.size);
    view.update(frame);
    return frame;
  };
  show();
  return {
    root,
    view,
    context,
    calls,
    show,
    frame: () => frame,
    remove: () => {
      controller.abort();
      root.remove();
    },
    find: <T extends HTMLElement>(selector: string): T => {
      const found = root.querySelector<T>(selector);
      if (found === null) throw new Error(`no ${selector}`);
      return found;
    },
  };
}

/** Counts what is listened to while `act` runs and what of it is still there after `end`. */
export function listenersLeft(act: () => { end: () => void }): number {
  let left = 0;
  const original = EventTarget.prototype.addEventListener;
  EventTarget.prototype.addEventListener = function (
    this: EventTarget,
    type: string,
    listener: EventListenerOrEventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ) {
    // The signal's own "abort" listeners are how the rest is taken away.
    if (!(this instanceof AbortSignal)) {
      left += 1;
      const signal = typeof options === "object" ? options.signal : undefined;
      if (signal != null) {
        original.call(signal, "abort", () => {
          left -= 1;
        });
      }
    }
    original.call(this, type, listener, options);
  };
  try {
    const { end } = act();
    if (left === 0) throw new Error("nothing was listened to");
    end();
  } finally {
    EventTarget.prototype.addEventListener = original;
  }
  return left;
}
