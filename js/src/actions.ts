/** What views ask for, turned into changes of the synced or the ephemeral state. */
import type { Actions, ViewState } from "./frame";
import { sameHover } from "./hover";
import { type Grouping, nodesToPlaces, nodesToTokens } from "./merge";
import type { GraphNode, Model, Pin, WidgetState } from "./model";

export function createActions(
  model: Model,
  view: ViewState,
  root: HTMLElement,
  invalidate: () => void,
  grouping: () => Grouping,
  savePicture: Actions["savePicture"],
): Actions {
  const ephemeral = (change: Partial<ViewState>): void => {
    Object.assign(view, change);
    invalidate();
  };
  const set = (change: Partial<WidgetState>, drag = false): void => {
    model.update(change, drag);
    if (typeof change.heads === "string") view.fusion = change.heads;
    invalidate();
  };
  /** A change of what is shown: it is no longer the difference of two pins. */
  const show = (change: Partial<WidgetState>, drag = false): void => {
    set(model.get("compared").length > 0 ? { ...change, compared: [] } : change, drag);
  };
  const select = (nodes: GraphNode[]): void => show({ selected: nodesToTokens(nodes, grouping()) });
  const compare = (a: number, b: number): void => {
    const pin = model.get("pins")[a];
    if (pin !== undefined) set({ ...settingsOf(pin), compared: [a, b] });
  };
  return {
    setMethod: (method) => show({ method }),
    setLevels: (start, stop) => {
      const [from, to] = model.get("levels");
      if (start !== from || stop !== to) show({ levels: [start, stop] });
    },
    setHeads: (heads) => show({ heads }),
    setTopHead: (head) => show({ top_head: head }),
    // What a rollout is at another residual the browser works out; a flow is the kernel's.
    setResidual: (residual) => show({ residual }, model.get("method") === "rollout"),
    setBaseline: (on) => show({ baseline: on ? "uniform" : null }),
    setMassShown: (share) => set({ mass_shown: share }, true),
    setColorScale: (scale) => set({ color_scale: scale }),
    setScaleRows: (on) => set({ scale_rows: on }),
    setOverlay: (overlay) => set({ overlay }),
    setOverlayOpacity: (opacity) => set({ overlay_opacity: opacity }, true),
    setMergeWords: (on) => set({ merge_words: on }),
    setHideSpecial: (on) => {
      const special = model.get("special");
      const selected = model.get("selected");
      const kept = selected.filter(([, token]) => !special.includes(token));
      // A selected token stays in view, so what is to be hidden is let go first.
      if (on && kept.length < selected.length) show({ hide_special: on, selected: kept });
      else set({ hide_special: on });
    },
    setDropSpecial: (on) => {
      const special = model.get("special");
      const others = model.get("drop").filter((token) => !special.includes(token));
      show({ drop: on ? [...others, ...special].sort((a, b) => a - b) : others });
    },
    toggleHeads: () => set({ heads_open: !model.get("heads_open") }),
    // Without a name: the kernel makes one of what is particular to it.
    pinCurrent: () => set({ pins: [...model.get("pins"), { name: "", ...currentOf(model) }] }),
    showPin: (index) => {
      const pin = model.get("pins")[index];
      if (pin !== undefined) show(settingsOf(pin));
    },
    removePin: (index) => {
      const compared = model.get("compared");
      set({
        // The ones behind it move up.
        compared: compared.includes(index) ? [] : compared.map((i) => (i > index ? i - 1 : i)),
        pins: model.get("pins").filter((_, i) => i !== index),
      });
    },
    renamePin: (index, name) => {
      const pins = model.get("pins");
      set({ pins: pins.map((pin, i) => (i === index ? { ...pin, name: name.trim() } : pin)) });
    },
    compare,
    swapCompared: () => {
      const [a, b] = model.get("compared");
      if (a !== undefined && b !== undefined) compare(b, a);
    },
    endComparison: () => set({ compared: [] }),
    select: (node, how) =>
      select(combine(nodesToPlaces(model.get("selected"), grouping()), node, how)),
    setSelected: select,
    hover: (hovered) => {
      if (sameHover(view.hovered?.target ?? null, hovered?.target ?? null)) return;
      ephemeral({ hovered });
    },
    setTab: (tab) => {
      view.tab = tab;
      // The kernel measures the heads only where they are looked at.
      set({ heads_open: tab === "heads" });
    },
    dismissError: () => {
      view.localError = "";
      set({ error: "" });
    },
    savePicture,
    stop: () => model.send({ type: "stop" }),
    toggleFullScreen: () => {
      const done =
        document.fullscreenElement === null ? root.requestFullscreen() : document.exitFullscreen();
      done.catch((error: unknown) => ephemeral({ localError: `No full screen here: ${error}.` }));
    },
  };
}

function currentOf(model: Model): Omit<Pin, "name"> {
  return {
    method: model.get("method"),
    levels: model.get("levels"),
    heads: model.get("heads"),
    top_head: model.get("top_head"),
    residual: model.get("residual"),
    drop: model.get("drop"),
    baseline: model.get("baseline"),
    selected: model.get("selected"),
  };
}

function settingsOf({ name: _name, ...settings }: Pin): Omit<Pin, "name"> {
  return settings;
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
