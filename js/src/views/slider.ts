/**
 * Sliders: a native range input, unseen but in charge of keys and assistive technology, over a
 * track and a knob that are drawn to the design.
 */
import { attribute, element, text } from "./dom";

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
  /** Stops that get a tick. */
  ticks?: number;
}

interface Parts {
  label: HTMLElement;
  track: HTMLElement;
  value: HTMLElement;
}

/** Label, slider and figure in one row. */
function parts(label: string, reserve: string): Parts & { el: HTMLElement } {
  const name = element("span", { class: "aw-control-label" }, label);
  const track = element("span", { class: "aw-slider" });
  const value = element("span", { class: "aw-value", "aria-hidden": "true" });
  // The widest figure holds its place, so that nothing moves while a knob is dragged.
  value.style.minWidth = `${reserve.length * 0.58}em`;
  const el = element("div", { class: "aw-control" }, name, track, value);
  track.append(element("span", { class: "aw-track" }), element("span", { class: "aw-fill" }));
  return { el, label: name, track, value };
}

function rangeInput(control: string, label: string, step: number): HTMLInputElement {
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

function setOff(el: HTMLElement, inputs: readonly HTMLInputElement[], off: string | null): void {
  attribute(el, "data-off", off === null ? null : "");
  attribute(el, "title", off);
  for (const input of inputs) {
    if (input.disabled !== (off !== null)) input.disabled = off !== null;
    attribute(input, "aria-description", off);
  }
}

/** Where the knobs are; written only when it changes. */
function setEnds({ style }: HTMLElement, from: number, to: number): void {
  for (const [name, at] of [
    ["--from", String(from)],
    ["--to", String(to)],
  ] as const) {
    if (style.getPropertyValue(name) !== at) style.setProperty(name, at);
  }
}

function setTicks(track: HTMLElement, count: number): void {
  const existing = track.querySelectorAll(".aw-tick");
  if (existing.length === count) return;
  for (const tick of existing) tick.remove();
  for (let i = 0; i < count; i++) {
    const tick = element("span", { class: "aw-tick" });
    tick.style.setProperty("--at", String(count > 1 ? i / (count - 1) : 0));
    // Under the knobs.
    track.querySelector(".aw-fill")?.after(tick);
  }
}

export class Slider {
  readonly el: HTMLElement;
  readonly input: HTMLInputElement;
  readonly #parts: Parts;

  constructor(
    signal: AbortSignal,
    options: { control: string; label: string; step: number; reserve: string },
    onInput: (value: number) => void,
  ) {
    const { el, ...rest } = parts(options.label, options.reserve);
    this.el = el;
    this.#parts = rest;
    this.input = rangeInput(options.control, options.label, options.step);
    rest.track.append(this.input, element("span", { class: "aw-knob" }));
    this.input.addEventListener("input", () => onInput(Number(this.input.value)), { signal });
  }

  set({ value, text: figure, spoken, min = 0, max, off = null, ticks = 0 }: SliderState): void {
    setInput(this.input, value, min, max);
    attribute(this.input, "aria-valuetext", spoken);
    text(this.#parts.value, figure);
    setEnds(this.#parts.track, 0, max > min ? (value - min) / (max - min) : 0);
    setTicks(this.#parts.track, ticks);
    setOff(this.el, [this.input], off);
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
  readonly #parts: Parts;
  readonly #onInput: (start: number, stop: number) => void;
  #state: RangeState = {
    start: 0,
    stop: 1,
    max: 1,
    text: "",
    spokenStart: "",
    spokenStop: "",
    single: false,
  };

  constructor(
    signal: AbortSignal,
    options: { control: string; label: string; reserve: string },
    onInput: (start: number, stop: number) => void,
  ) {
    const { el, ...rest } = parts(options.label, options.reserve);
    this.el = el;
    this.#parts = rest;
    this.#onInput = onInput;
    this.#start = rangeInput(`${options.control}-start`, "First layer", 1);
    this.#stop = rangeInput(`${options.control}-stop`, "Last layer", 1);
    const lower = element("span", { class: "aw-knob aw-knob-from" });
    rest.track.append(this.#start, lower, this.#stop, element("span", { class: "aw-knob" }));
    rest.track.classList.add("aw-two");
    rest.track.setAttribute("role", "group");
    rest.track.setAttribute("aria-label", options.label);
    this.#start.addEventListener("input", () => this.#move("start", Number(this.#start.value)), {
      signal,
    });
    this.#stop.addEventListener("input", () => this.#move("stop", Number(this.#stop.value)), {
      signal,
    });
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
    attribute(this.#parts.track, "data-single", single ? "" : null);
    text(this.#parts.label, single ? "Layer" : "Layers");
    text(this.#parts.value, state.text);
    setEnds(this.#parts.track, start / max, stop / max);
    setTicks(this.#parts.track, max <= 48 ? max + 1 : 2);
  }

  #move(handle: "start" | "stop", value: number): void {
    const { start, stop, max, single } = this.#state;
    const next =
      handle === "start"
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
    const { track } = this.#parts;
    let handle: "start" | "stop" | null = null;
    const valueAt = (event: PointerEvent): number => {
      const { left, width } = track.getBoundingClientRect();
      const part = width > 0 ? (event.clientX - left) / width : 0;
      return Math.round(Math.min(1, Math.max(0, part)) * this.#state.max);
    };
    track.addEventListener(
      "pointerdown",
      (event) => {
        if (event.button !== 0) return;
        const { left, width } = track.getBoundingClientRect();
        const at = ((event.clientX - left) / width) * this.#state.max;
        const { start, stop, single } = this.#state;
        handle = single || Math.abs(at - stop) <= Math.abs(at - start) ? "stop" : "start";
        event.preventDefault();
        (handle === "start" ? this.#start : this.#stop).focus({ preventScroll: true });
        track.setPointerCapture(event.pointerId);
        this.#move(handle, valueAt(event));
      },
      { signal },
    );
    track.addEventListener(
      "pointermove",
      (event) => {
        if (handle !== null) this.#move(handle, valueAt(event));
      },
      { signal },
    );
    for (const end of ["pointerup", "pointercancel"] as const) {
      track.addEventListener(
        end,
        () => {
          handle = null;
        },
        { signal },
      );
    }
  }
}
