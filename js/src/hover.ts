/** Ephemeral state of one view, never synced: what is hovered and where the pointer is. */

export type Hover =
  | { kind: "node"; level: number; token: number }
  | { kind: "edge"; block: number; query: number; key: number; value: number }
  | { kind: "cell"; query: number; key: number }
  | { kind: "input"; token: number }
  | { kind: "output"; token: number }
  | { kind: "column"; token: number };

export interface Hovered {
  target: Hover;
  /** Pointer (or focus) position in px, relative to the widget's root element. */
  x: number;
  y: number;
}

export function sameHover(a: Hover | null, b: Hover | null): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
