/** Every view ends with its signal. */

/** Call `end` when the view goes. */
export function onEnd(signal: AbortSignal, end: () => void): void {
  signal.addEventListener("abort", end, { once: true });
}
