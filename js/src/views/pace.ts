/** Whether what is shown changes with every frame, as under a drag, or has come to rest. */
import { onEnd } from "../ending";

/** Milliseconds without a change that end a movement. */
const STILL_MS = 120;

export class Pace {
  /** Something has changed, and the picture has not been at rest since. */
  moving = false;
  readonly #signal: AbortSignal;
  readonly #rest: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #frame = 0;

  /** `rest` is called after a movement, for what was left out while it lasted. */
  constructor(signal: AbortSignal, rest: () => void) {
    this.#signal = signal;
    this.#rest = rest;
    onEnd(signal, () => this.#cancel());
  }

  /** Called when a change has been drawn. */
  step(): void {
    this.#cancel();
    if (this.#signal.aborted) return;
    this.moving = true;
    this.#timer = setTimeout(() => this.#wait(2), STILL_MS);
  }

  /** Where frames take long, time alone is no pause: a whole frame without a change is. */
  #wait(frames: number): void {
    this.#frame = requestAnimationFrame(() => {
      if (frames > 1) return this.#wait(frames - 1);
      this.moving = false;
      this.#rest();
    });
  }

  #cancel(): void {
    clearTimeout(this.#timer);
    cancelAnimationFrame(this.#frame);
  }
}
