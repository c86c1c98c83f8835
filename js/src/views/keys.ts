/** Keys that work anywhere in the widget, and the list of them that the help shows. */
import type { Context, Frame } from "../frame";
import type { Heads, Method } from "../model";
import { listen, rootOf, targetWithin, withCtrl } from "./dom";

/** The keys, a space between those of one line, and what they do. */
export const KEY_HELP: readonly (readonly [keys: string, does: string])[] = [
  ["Click", "trace a token"],
  ["Shift click", "the other end of a pair"],
  ["Ctrl click", "add to a set"],
  ["Ctrl wheel", "zoom; drag moves, a double click resets"],
  ["+ − 0", "zoom about the focus, show everything"],
  ["Esc", "clear, or stop the computation"],
  ["[ ]", "one layer less, one more"],
  ["h H", "next head, the one before"],
  ["p", "pin the selection with its settings"],
  ["F2", "on a pin: a name for it"],
  ["1 2 3", "attention, rollout, flow"],
  ["f", "full screen"],
  ["?", "this list"],
];

const METHOD_KEYS: Record<string, Method> = { "1": "attention", "2": "rollout", "3": "flow" };

/**
 * Handle the widget's keys and keep them from the notebook: JupyterLab would insert a cell on `b`.
 * Tab and the combinations with Ctrl or Meta stay the page's own.
 */
export function installKeys(
  root: HTMLElement,
  context: Context,
  getFrame: () => Frame | null,
): void {
  // Notebook 7 takes its shortcuts before the key comes down to the widget, JupyterLab after it has
  // come up again. The second heeds a stopped event, the first this attribute on what has the focus.
  const aside = (event: KeyboardEvent): void => {
    const { target } = event;
    if (!(target instanceof Element) || !root.contains(target)) return;
    target.toggleAttribute("data-lm-suppress-shortcuts", !isOfThePage(event));
  };
  listen(window, context.signal, { keydown: aside }, true);
  listen(root, context.signal, {
    keydown: (event) => {
      if (isOfThePage(event)) return;
      event.stopPropagation();
      const frame = getFrame();
      if (frame === null || event.defaultPrevented || event.altKey || isTyping(event)) return;
      if (handle(event.key, frame, context, root)) event.preventDefault();
    },
  });
}

function isOfThePage(event: KeyboardEvent): boolean {
  return event.key === "Tab" || withCtrl(event);
}

function isTyping(event: Event): boolean {
  const field = targetWithin<HTMLElement>(event, "input, textarea, [contenteditable]");
  return field !== null && !(field instanceof HTMLInputElement && field.type === "range");
}

function handle(key: string, frame: Frame, context: Context, root: HTMLElement): boolean {
  const { actions } = context;
  const method = METHOD_KEYS[key];
  if (method !== undefined) actions.setMethod(method);
  const [start, stop] = frame.levels;
  switch (key) {
    case "Escape":
      if (frame.progress !== null) actions.stop();
      else if (frame.compared !== null) actions.endComparison();
      else if (frame.selected.length > 0) actions.setSelected([]);
      else if (frame.error !== "") actions.dismissError();
      else return false;
      break;
    case "[":
      if (stop > 1) actions.setLevels(Math.min(start, stop - 2), stop - 1);
      break;
    case "]":
      if (stop < frame.nLayers) actions.setLevels(start, stop + 1);
      break;
    case "h":
    case "H":
      actions.setHeads(stepHead(frame, key === "h" ? 1 : -1));
      break;
    case "p":
      if (frame.compared !== null) return false;
      actions.pinCurrent();
      break;
    case "f":
      actions.toggleFullScreen();
      break;
    case "?":
      rootOf(root).querySelector<HTMLButtonElement>("[data-action=help]")?.click();
      break;
    default:
      return method !== undefined;
  }
  return true;
}

/** All heads, then head 0, 1, … and round again. */
export function stepHead(frame: Frame, step: 1 | -1): Heads {
  const stops = frame.nHeads + 1;
  const next = (headStop(frame.heads) + step + stops) % stops;
  return next === 0 ? frame.fusion : next - 1;
}

/** The stop of the head slider: 0 is all heads, h + 1 is head h; a list stands at its first. */
export function headStop(heads: Heads): number {
  if (typeof heads === "string") return 0;
  return (Array.isArray(heads) ? (heads[0] ?? -1) : heads) + 1;
}
