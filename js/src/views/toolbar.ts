/** The controls. What has no room in the row moves into the settings popover. */
import { headsText, levelName, levelRange } from "../format";
import type { Context, Frame, Size, View } from "../frame";
import type { Method } from "../model";
import { attribute, button, div, element, listen, rootOf, span } from "./dom";
import { icon } from "./icons";
import { headStop, KEY_HELP } from "./keys";
import { Popover } from "./popover";
import { Segmented } from "./segmented";
import { SettingsPanel } from "./settings";
import { RangeSlider, Slider } from "./slider";

const METHODS: Readonly<Record<Method, string>> = {
  attention: "Attention",
  rollout: "Rollout",
  flow: "Flow",
};

/** How many of the sliders the row holds at each size; the others are in the settings. */
const IN_ROW: Record<Size, number> = { wide: 4, medium: 3, narrow: 0 };

export class Toolbar implements View {
  readonly el: HTMLElement;
  readonly #method: Segmented<Method>;
  readonly #layers: RangeSlider;
  readonly #heads: Slider;
  readonly #residual: Slider;
  readonly #mass: Slider;
  readonly #fixed: SettingsPanel;
  readonly #sliders: readonly HTMLElement[];
  readonly #row = div("aw-controls");
  readonly #settings: Popover;
  readonly #help: Popover;
  readonly #expand: HTMLButtonElement;
  #size: Size | null = null;
  #frame: Frame | null = null;
  /** What the room of the row depends on. */
  #roomKey = "";

  constructor(context: Context) {
    const { signal, actions } = context;
    this.#method = new Segmented(signal, "method", "Method", METHODS, actions.setMethod);
    this.#layers = new RangeSlider(
      signal,
      { control: "layers", label: "Layers", reserve: "input–6" },
      actions.setLevels,
    );
    this.#heads = new Slider(
      signal,
      { control: "heads", label: "Heads", step: 1, reserve: "All" },
      (stop) => actions.setHeads(stop === 0 ? (this.#frame?.fusion ?? "mean") : stop - 1),
    );
    this.#residual = new Slider(
      signal,
      { control: "residual", label: "Residual", step: 0.01, reserve: "0.65" },
      actions.setResidual,
    );
    this.#mass = new Slider(
      signal,
      { control: "mass", label: "Mass shown", step: 0.01, reserve: "100 %" },
      actions.setMassShown,
    );
    const sliders = [this.#layers, this.#heads, this.#residual, this.#mass];
    this.#sliders = sliders.map(({ el }) => el);
    this.#settings = new Popover(signal, {
      action: "settings",
      label: "Settings",
      icon: icon("settings"),
    });
    this.#fixed = new SettingsPanel(context);
    this.#settings.panel.append(...this.#fixed.els);
    this.#help = new Popover(signal, { action: "help", label: "Keys", icon: icon("help") });
    this.#help.panel.append(keyList());
    this.#expand = this.#expandButton(context);
    const save = saveMenu(context);
    const icons = div("aw-icons", this.#settings.el, save.el);
    // A frame may be forbidden to fill the screen: then there is nothing to press.
    if (document.fullscreenEnabled) icons.append(this.#expand);
    icons.append(this.#help.el);
    this.el = div(
      { class: "aw-toolbar", role: "group", "aria-label": "Controls" },
      this.#method.el,
      this.#row,
      icons,
    );
  }

  update(frame: Frame): void {
    this.#frame = frame;
    if (frame.size !== this.#size) this.#place(frame.size);
    this.#method.set(frame.method);
    this.#setLayers(frame);
    this.#setHeads(frame);
    this.#setResidual(frame);
    const shown = `${Math.round(100 * frame.massShown)}\u00a0%`;
    // Nothing at all is not a share that can be shown.
    this.#mass.set({ value: frame.massShown, text: shown, spoken: shown, min: 0.01, max: 1 });
    this.#fixed.update(frame);
    this.#stack(frame);
  }

  /** Where they have no room beside their names the sliders stand under them: how wide the names
   * are is up to the font. Asked for only when it may differ. */
  #stack({ width, size, nLayers, levels, method, heads, residualPerLayer }: Frame): void {
    const figures = [levelRange(...levels), headsText(heads)].map((text) => text.length);
    const key = [width, size, nLayers, method, figures, residualPerLayer === null].join();
    if (key === this.#roomKey) return;
    this.#roomKey = key;
    this.el.removeAttribute("data-stacked");
    const narrow = Array.from(this.#row.children).some((el) => el.scrollWidth > el.clientWidth);
    attribute(this.el, "data-stacked", narrow ? "" : null);
  }

  #place(size: Size): void {
    this.#size = size;
    this.#row.append(...this.#sliders.slice(0, IN_ROW[size]));
    this.#settings.panel.prepend(...this.#sliders.slice(IN_ROW[size]));
  }

  #setLayers({ levels: [start, stop], nLayers, method }: Frame): void {
    const single = method === "attention";
    this.#layers.set({
      start,
      stop,
      max: nLayers,
      text: single ? levelName(stop) : levelRange(start, stop),
      spokenStart: start === 0 ? "from the input" : `from layer ${start}`,
      spokenStop: single ? `layer ${stop}` : `to layer ${stop}`,
      single,
    });
  }

  #setHeads({ heads, nHeads }: Frame): void {
    const figure = headsText(heads);
    let spoken = `Head ${figure}`;
    if (typeof heads === "string") spoken = `All heads, ${heads}`;
    else if (Array.isArray(heads)) spoken = `Heads ${heads.join(", ")}`;
    this.#heads.set({ value: headStop(heads), text: figure, spoken, max: nHeads });
  }

  #setResidual({ residual, residualPerLayer, method }: Frame): void {
    const figure = residualPerLayer === null ? residual.toFixed(2) : "per layer";
    this.#residual.set({
      value: residual,
      text: figure,
      spoken: residualPerLayer === null ? figure : `per layer, on average ${residual.toFixed(2)}`,
      max: 1,
      off: method === "attention" ? "Attention is shown as it is, without a residual." : null,
    });
  }

  #expandButton({ signal, actions }: Context): HTMLButtonElement {
    const expand = button("aw-icon-button", { "data-action": "full-screen" });
    const name = (full: boolean): void => {
      const label = full ? "Leave full screen" : "Full screen";
      attribute(expand, "aria-label", label);
      attribute(expand, "title", label);
      expand.replaceChildren(icon(full ? "collapse" : "expand"));
    };
    name(false);
    listen(expand, signal, { click: () => actions.toggleFullScreen() });
    const fullscreenchange = () => name(rootOf(expand).matches(":fullscreen"));
    listen(document, signal, { fullscreenchange });
    return expand;
  }
}

function saveMenu({ signal, actions }: Context): Popover {
  const menu = new Popover(signal, {
    action: "save",
    label: "Save the picture",
    icon: icon("download"),
  });
  menu.panel.classList.add("aw-menu");
  for (const [format, label, does] of [
    ["svg", "SVG", "vectors and text"],
    ["png", "PNG", "pixels, at twice the size"],
  ] as const) {
    const item = button(
      "aw-menu-item",
      { "data-format": format },
      span("aw-strong", label),
      span("aw-quiet", does),
    );
    listen(item, signal, {
      click: () => {
        menu.close();
        menu.button.focus();
        actions.savePicture(format);
      },
    });
    menu.panel.append(item);
  }
  return menu;
}

function keyList(): HTMLElement {
  const list = element("dl", "aw-keys");
  for (const [keys, does] of KEY_HELP) {
    const names = keys.split(" ").map((key) => element("kbd", {}, key));
    list.append(div({}, element("dt", {}, ...names), element("dd", {}, does)));
  }
  return list;
}
