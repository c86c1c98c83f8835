/**
 * Whether a kernel stands behind the picture. A notebook that is opened again shows the last one
 * from its saved state: the residual moves in it, everything else needs an answer.
 */
import { onEnd } from "./ending";
import type { Model, WidgetState } from "./model";

/** Milliseconds after which silence is told. A busy kernel answers when its cell is done. */
export const PATIENCE = 2500;

export const SILENCE =
  "Nothing answers: the kernel is busy, or gone. The residual moves without it; for the rest, run the cell again.";

const ASKED: readonly (keyof WidgetState)[] = [
  ...(["method", "levels", "heads", "top_head", "drop", "selected", "heads_open"] as const),
];

const ANSWERS: readonly (keyof WidgetState)[] = [
  ...(["shown_matrix", "shown_trace", "shown_comparison", "head_maps", "progress"] as const),
];

/** Call `tell` with a sentence when a question stays without an answer, with "" when one comes. */
export function watchKernel(
  model: Model,
  tell: (sentence: string) => void,
  signal: AbortSignal,
): void {
  let heard = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hear = (): void => {
    if (heard) return;
    heard = true;
    clearTimeout(timer);
    tell("");
  };
  const ask = (): void => {
    if (heard || timer !== undefined) return;
    timer = setTimeout(() => {
      if (!heard) tell(SILENCE);
    }, PATIENCE);
  };
  model.onChange(ASKED, ask);
  model.onChange(ANSWERS, hear);
  // The kernel greets every view that opens.
  model.onMessage((content) => {
    if ((content as { type?: unknown } | null)?.type === "here") hear();
  });
  onEnd(signal, () => clearTimeout(timer));
}
