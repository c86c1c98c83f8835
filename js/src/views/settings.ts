/** What the settings popover always holds: fusion of heads, colours, words, special tokens. */
import type { Context, Frame } from "../frame";
import type { ColorScale, Fusion } from "../model";
import { div, element, span, UNREAD } from "./dom";
import { Segmented } from "./segmented";
import { Slider } from "./slider";
import { Switch } from "./switch";

const FUSIONS: Readonly<Record<Fusion, string>> = {
  mean: "Mean",
  max: "Max",
  min: "Min",
};

const SCALES: Readonly<Record<ColorScale, string>> = {
  words: "Words",
  linear: "Linear",
  sqrt: "Root",
  log: "Log",
};

const SCALE_DOES: Record<ColorScale, string> = {
  words: "Linear for words; special tokens and the diagonal are compressed above them.",
  linear: "In proportion to the value.",
  sqrt: "By the square root: small values show better.",
  log: "By the logarithm: over three orders of magnitude.",
};

const SWITCHES = {
  "scale-rows": {
    label: "Each row on its own scale",
    does: "Rows of the matrix can no longer be compared by colour.",
  },
  baseline: {
    label: "Divide by even attention",
    does: "1 is what a token gets for its place alone, 2 is twice that.",
  },
  "merge-words": {
    label: "Merge pieces into words",
    does: "Their columns are summed, their rows averaged.",
  },
  "hide-special": {
    label: "Hide special tokens",
    does: "Hidden tokens still take part in every number.",
  },
  "drop-special": {
    label: "Drop special tokens",
    does: "Dropped tokens are not read by attention: every number changes.",
  },
};

export class SettingsPanel {
  readonly els: HTMLElement[];
  readonly #fusion: Segmented<Fusion>;
  readonly #top: Slider;
  readonly #scale: Segmented<ColorScale>;
  readonly #scaleDoes = span("aw-setting-does");
  readonly #rows: Switch;
  readonly #even: Switch;
  readonly #words: Switch;
  readonly #hide: Switch;
  readonly #drop: Switch;

  constructor({ signal, actions }: Context) {
    this.#fusion = new Segmented(signal, "fusion", "All heads as", FUSIONS, actions.setHeads);
    this.#top = new Slider(
      signal,
      { control: "top-head", label: "Top layer", step: 1, reserve: "head 11" },
      (stop) => actions.setTopHead(stop === 0 ? null : stop - 1),
    );
    this.#scale = new Segmented(signal, "color-scale", "Colours", SCALES, actions.setColorScale);
    const made = (control: keyof typeof SWITCHES, onSwitch: (on: boolean) => void): Switch =>
      new Switch(signal, { control, ...SWITCHES[control] }, onSwitch);
    this.#rows = made("scale-rows", actions.setScaleRows);
    this.#even = made("baseline", actions.setBaseline);
    this.#words = made("merge-words", actions.setMergeWords);
    this.#hide = made("hide-special", actions.setHideSpecial);
    this.#drop = made("drop-special", actions.setDropSpecial);
    this.els = [
      row("All heads as", this.#fusion.el),
      this.#top.el,
      element("hr", "aw-rule"),
      row("Colours", this.#scale.el, this.#scaleDoes),
      this.#rows.el,
      this.#even.el,
      element("hr", "aw-rule"),
      ...[this.#words, this.#hide, this.#drop].map(({ el }) => el),
    ];
  }

  update(frame: Frame): void {
    this.#fusion.set(typeof frame.heads === "string" ? frame.heads : null);
    const { topHead, nHeads, method } = frame;
    const text = topHead === null ? "same" : `head ${topHead}`;
    this.#top.set({
      value: topHead === null ? 0 : topHead + 1,
      text,
      spoken: topHead === null ? "the same heads as the layers below" : text,
      max: nHeads,
      off: method === "attention" ? "Attention shows one layer: it has none below." : null,
    });
    this.#scale.set(frame.colorScale);
    this.#scaleDoes.textContent = SCALE_DOES[frame.colorScale];
    this.#rows.set(frame.scaleRows);
    const flow = method === "flow" ? "A flow is no share: it stays as it is." : null;
    this.#even.set(frame.baseline, flow);
    this.#words.set(
      frame.mergeWords,
      frame.hasPieces ? null : "Every token of this text is a word of its own.",
    );
    const none = frame.hasSpecial ? null : "This text has no special tokens.";
    this.#hide.set(frame.hideSpecial, none);
    this.#drop.set(frame.dropSpecial, none);
  }
}

function row(label: string, ...controls: HTMLElement[]): HTMLElement {
  const name = span({ class: "aw-control-label", ...UNREAD }, label);
  return div("aw-control", name, ...controls);
}
