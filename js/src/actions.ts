/** What views ask for, turned into changes of the synced or the ephemeral state. */
import type { Actions, ViewState } from "./frame";
import { sameHover } from "./hover";
import type { GraphNode, Heads, Model } from "./model";

export function createActions(
  model: Model,
  view: ViewState,
  root: HTMLElement,
  invalidate: () => void,
): Actions {
  const ephemeral = (change: Partial<ViewState>): void => {
    Object.assign(view, change);
    invalidate();
  };
  const select = (nodes: GraphNode[]): void => {
    model.set("selected", nodes);
    invalidate();
  };
  return {
    setMethod: (method) => {
      model.set("method", method);
      invalidate();
    },
    setLevels: (start, stop) => {
      const [from, to] = model.get("levels");
      if (start === from && stop === to) return;
      model.set("levels", [start, stop]);
      invalidate();
    },
    setHeads: (heads: Heads) => {
      if (typeof heads === "string") view.fusion = heads;
      model.set("heads", heads);
      invalidate();
    },
    setResidual: (residual) => {
      model.set("residual", residual);
      invalidate();
    },
    setMassShown: (share) => {
      model.set("mass_shown", share);
      invalidate();
    },
    select: (node, how) => select(combine(model.get("selected"), node, how)),
    setSelected: select,
    hover: (hovered) => {
      if (sameHover(view.hovered?.target ?? null, hovered?.target ?? null)) return;
      ephemeral({ hovered });
    },
    setTab: (tab) => ephemeral({ tab }),
    dismissError: () => {
      model.set("error", "");
      ephemeral({ localError: "" });
    },
    stop: () => model.send({ type: "stop" }),
    toggleFullScreen: () => {
      const done =
        document.fullscreenElement === null ? root.requestFullscreen() : document.exitFullscreen();
      done.catch((error: unknown) => ephemeral({ localError: `No full screen here: ${error}.` }));
    },
  };
}

/** A selection with one more node; it never spans more than two levels. */
export function combine(
  selected: readonly GraphNode[],
  node: GraphNode,
  how: "replace" | "pair" | "add",
): GraphNode[] {
  const same = ([level, token]: GraphNode): boolean => level === node[0] && token === node[1];
  if (how === "replace") {
    // A second click on what alone is selected lets it go.
    return selected.length === 1 && selected.some(same) ? [] : [node];
  }
  if (how === "add") {
    if (selected.some(same)) return selected.filter((other) => !same(other));
    const levels = new Set([...selected.map(([level]) => level), node[0]]);
    return levels.size > 2 ? [node] : [...selected, node];
  }
  // A pair: the new node takes over its own end and keeps the other one.
  const [first] = selected.filter(([level]) => level !== node[0]);
  return first === undefined ? [node] : [first, node];
}
