/**
 * Sliders: a native range input, unseen but in charge of keys and assistive technology, over a
 * track and a knob that are drawn to the design.
 */
import { listOf } from "../numbers";
import { attribute, div, element, listen, span, text, UNREAD } from "./dom";

export interface SliderState {
  value: number;
  /** The figure beside the track. */
  text: string;
  /** The same for a screen reader, in full words. */
  spoken: string;
  min?: number;
  max: number;
  /** Why the slider cannot be moved now; null when it can. */
  off?: string | null;
}

/** Label, slider and figure in one row. */
class Row {
  readonly el: HTMLElement;
  readonly label = span("aw-control-label");
  readonly value = span({ class: "aw-value", ...UNREAD });
  readonly track: HTMLElement;
  readonly #fill = span("aw-fill");
  #ticks: HTMLElement[] = [];

  constructor(label: string, reserve: string, ...handles: HTMLElement[]) {
    this.label.textContent = label;
    // The widest figure holds its place, so that nothing moves while a knob is dragged.
    this.value.style.minWidth = `${reserve.length * 0.58}em`;
    this.track = span("aw-slider", span("aw-track"), this.#fill, ...handles);
    this.el = div("aw-control", this.label, this.track, this.value);
  }

  /** Where the knobs are; written only when it changes. */
  setEnds(from: number, to: number): void {
    const { style } = this.track;
    for (const [name, at] of Object.entries({ "--from": String(from), "--to": String(to) })) {
      if (style.getPropertyValue(name) !== at) style.setProperty(name, at);
    }
  }

  setTicks(count: number): void {
    if (this.#ticks.length === count) return;
    for (const tick of this.#ticks) tick.remove();
    this.#ticks = listOf(count, (i) => {
      const tick = span("aw-tick");
      tick.style.setProperty("--at", String(i / (count - 1)));
      return tick;
    });
    // Under the knobs.
    this.#fill.after(...this.#ticks);
  }
}

function rangeInput(control: string, label: string, step = 1): HTMLInputElement {
  return element("input", {
    type: "range",
    class: "aw-native",
    "data-control": control,
    "aria-label": label,
    min: "0",
    step: String(step),
  });
}

function setInput(input: HTMLInputElement, value: number, min: number, max: number): void {
  // The limits go first: a value outside of them would be clamped.
  if (input.min !== String(min)) input.min = String(min);
  if (input.max !== String(max)) input.max = String(max);
  if (Number(input.value) !== value) input.value = String(value);
}

export class Slider {
  readonly el: HTMLElement;
  readonly input: HTMLInputElement;
  readonly #row: Row;

  constructor(
    signal: AbortSignal,
    {
      control,
      label,
      step,
      reserve,
    }: Record<"control" | "label" | "reserve", string> & {
      step: number;
    },
    onInput: (value: number) => void,
  ) {
    this.input = rangeInput(control, label, step);
    this.#row = new Row(label, reserve, this.input, span("aw-knob"));
    this.el = this.#row.el;
    listen(this.input, signal, { input: () => onInput(Number(this.input.value)) });
  }

  set({ value, text: figure, spoken, min = 0, max, off = null }: SliderState): void {
    const { input } = this;
    setInput(input, value, min, max);
    attribute(input, "aria-valuetext", spoken);
    text(this.#row.value, figure);
    this.#row.setEnds(0, (value - min) / (max - min));
    attribute(this.el, "data-off", off && "");
    attribute(this.el, "title", off);
    input.disabled = off !== null;
    attribute(input, "aria-description", off);
  }
}

export interface RangeState {
  start: number;
  stop: number;
  max: number;
  text: string;
  spokenStart: string;
  spokenStop: string;
  /** One handle instead of two: only `stop` is picked. */
  single: boolean;
}

/** Two handles on one track that cannot cross: there is always one step between them. */
export class RangeSlider {
  readonly el: HTMLElement;
  readonly #start: HTMLInputElement;
  readonly #stop: HTMLInputElement;
  readonly #row: Row;
  readonly #onInput: (start: number, stop: number) => void;
  /** Set before there is anything to move. */
  #state!: RangeState;

  constructor(
    signal: AbortSignal,
    { control, label, reserve }: Record<"control" | "label" | "reserve", string>,
    onInput: (start: number, stop: number) => void,
  ) {
    this.#onInput = onInput;
    this.#start = rangeInput(`${control}-start`, "First layer");
    this.#stop = rangeInput(`${control}-stop`, "Last layer");
    const knobs = [span("aw-knob aw-knob-from"), span("aw-knob")] as const;
    this.#row = new Row(label, reserve, this.#start, knobs[0], this.#stop, knobs[1]);
    this.el = this.#row.el;
    const { track } = this.#row;
    track.classList.add("aw-two");
    attribute(track, "role", "group");
    attribute(track, "aria-label", label);
    for (const handle of [this.#start, this.#stop]) {
      listen(handle, signal, { input: () => this.#move(handle, Number(handle.value)) });
    }
    this.#listenToPointer(signal);
  }

  set(state: RangeState): void {
    const { start, stop, max, single } = state;
    this.#state = state;
    setInput(this.#start, start, 0, stop - 1);
    setInput(this.#stop, stop, single ? 1 : start + 1, max);
    attribute(this.#start, "aria-valuetext", state.spokenStart);
    attribute(this.#stop, "aria-valuetext", state.spokenStop);
    attribute(this.#stop, "aria-label", single ? "Layer" : "Last layer");
    this.#start.disabled = single;
    attribute(this.#row.track, "data-single", single ? "" : null);
    text(this.#row.label, single ? "Layer" : "Layers");
    text(this.#row.value, state.text);
    this.#row.setEnds(start / max, stop / max);
    this.#row.setTicks(max <= 48 ? max + 1 : 2);
  }

  #move(handle: HTMLInputElement, value: number): void {
    const { start, stop, max, single } = this.#state;
    const next =
      handle === this.#start
        ? { start: Math.max(0, Math.min(value, stop - 1)), stop }
        : { start, stop: Math.min(max, Math.max(value, single ? 1 : start + 1)) };
    // With one handle the other end only makes way.
    if (single) next.start = Math.min(start, next.stop - 1);
    this.#start.value = String(next.start);
    this.#stop.value = String(next.stop);
    if (next.start === start && next.stop === stop) return;
    this.#state = { ...this.#state, ...next };
    this.#onInput(next.start, next.stop);
  }

  /** Two inputs lie on one track, so the track itself finds the handle that is meant. */
  #listenToPointer(signal: AbortSignal): void {
    const { track } = this.#row;
    let handle: HTMLInputElement | null = null;
    const valueAt = (event: PointerEvent): number => {
      const { left, width } = track.getBoundingClientRect();
      return ((event.clientX - left) / width) * this.#state.max;
    };
    const end = (): void => {
      handle = null;
    };
    listen(track, signal, {
      pointerdown: (event) => {
        if (event.button !== 0) return;
        const at = valueAt(event);
        const { start, stop, single } = this.#state;
        handle = single || Math.abs(at - stop) <= Math.abs(at - start) ? this.#stop : this.#start;
        event.preventDefault();
        handle.focus({ preventScroll: true });
        track.setPointerCapture(event.pointerId);
        this.#move(handle, Math.round(at));
      },
      pointermove: (event) => {
        if (handle !== null) this.#move(handle, Math.round(valueAt(event)));
      },
      pointerup: end,
      pointercancel: end,
    });
  }
}
