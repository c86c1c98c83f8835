/** Where the keys of a walk lead. Pure. */

export const ARROWS: Readonly<Record<string, readonly [right: number, down: number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

/** The place in a row from 0 to `last` that a key leads to; null: no key of a walk. `down`: where
 * an arrow downwards goes, as one to the right does (1) or as one to the left (-1). */
export function along(key: string, from: number, last: number, down: 1 | -1 = 1): number | null {
  if (key === "Home") return 0;
  if (key === "End") return last;
  const arrow = ARROWS[key];
  return arrow ? Math.min(last, Math.max(0, from + arrow[0] + down * arrow[1])) : null;
}
