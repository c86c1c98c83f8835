/** What decides the numbers, and what is selected: the twins of `settings.py` and `selection.py`. */
import type { GraphNode, Heads, Method, Pin } from "../model";

export interface Settings {
  method: Method;
  levels: readonly [number, number];
  heads: Heads;
  top_head: number | null;
  residual: number | readonly number[];
  drop: readonly number[];
}

/** The ends of a trace between two levels; null is every token there. */
export interface Selection {
  start: number;
  stop: number;
  sources: readonly number[] | null;
  sinks: readonly number[] | null;
}

export function settingsOf(given: Omit<Pin, "name" | "selected" | "baseline">): Settings {
  const { method, levels, heads, top_head, residual, drop } = given;
  return { method, levels, heads, top_head, residual, drop };
}

/** Equal settings have equal keys, whatever the order of what they were made from. */
export function keyOf(settings: Settings): string {
  const { method, levels, heads, top_head, residual, drop } = settings;
  return JSON.stringify([method, levels, heads, top_head, residual, drop]);
}

export function selectionKey({ start, stop, sources, sinks }: Selection): string {
  return JSON.stringify([start, stop, sources, sinks]);
}

/** What decides the layer maps before the residual. */
export function fusionKey({ levels, heads, top_head, drop }: Settings): string {
  return JSON.stringify([levels, heads, top_head, drop]);
}

/** Whether the numbers are polynomials in one residual that all layers share. */
export function isPolynomial({ method, residual }: Settings): boolean {
  return method !== "attention" && typeof residual === "number";
}

export function isEmpty({ sources, sinks }: Selection): boolean {
  return sources === null && sinks === null;
}

/** Only sinks are selected: the question is where their input goes. */
export function isForward({ sources, sinks }: Selection): boolean {
  return sources === null && sinks !== null;
}

/** A selection as the ends of a trace within the shown levels. */
export function ends(nodes: readonly GraphNode[], levels: readonly [number, number]): Selection {
  const [start, stop] = levels;
  const chosen = [...new Set(nodes.map(([level]) => level))].sort((a, b) => b - a);
  const tokensAt = (level: number): number[] =>
    nodes.flatMap(([at, token]) => (at === level ? [token] : []));
  const [upper, lower] = chosen;
  if (upper === undefined) return { start, stop, sources: null, sinks: null };
  if (lower !== undefined) {
    return { start: lower, stop: upper, sources: tokensAt(upper), sinks: tokensAt(lower) };
  }
  if (upper <= start) return { start: upper, stop, sources: null, sinks: tokensAt(upper) };
  return { start, stop: upper, sources: tokensAt(upper), sinks: null };
}

/** Move a selection along with the shown levels; what falls outside of them is dropped. */
export function follow(
  nodes: readonly GraphNode[],
  old: readonly [number, number],
  next: readonly [number, number],
): GraphNode[] {
  const moved: GraphNode[] = [];
  for (const [level, token] of nodes) {
    // The lower end first: at a range of one layer both could claim a node.
    const at = level === old[0] ? next[0] : level === old[1] ? next[1] : level;
    const known = moved.some(([l, t]) => l === at && t === token);
    if (at >= next[0] && at <= next[1] && !known) moved.push([at, token]);
  }
  return moved;
}
