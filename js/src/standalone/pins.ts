/** Pins are named here as the kernel names them: the twin of `pins.py`. */
import type { Pin } from "../model";

/** Name a pin by what is particular to it: its tokens, its method, its heads. */
export function pinName(pin: Omit<Pin, "name">, tokens: readonly string[]): string {
  const upper = [...pin.selected].sort(([a, s], [b, t]) => b - a || t - s);
  const quoted = (nodes: Pin["selected"]): string =>
    nodes.map(([, token]) => `‘${tokens[token]}’`).join(" and ");
  const top = upper[0]?.[0];
  const sources = upper.filter(([level]) => level === top);
  const sinks = upper.filter(([level]) => level !== top);
  const what =
    upper.length === 0
      ? "all outputs"
      : sinks.length === 0
        ? quoted(upper)
        : `${quoted(sources)} from ${quoted(sinks)}`;
  const { heads, method } = pin;
  const how =
    heads === "mean"
      ? "all heads"
      : typeof heads === "number"
        ? `head ${heads}`
        : typeof heads === "string"
          ? heads
          : `heads ${heads.join(", ")}`;
  return `${what}, ${how}${method === "rollout" ? "" : `, ${method}`}`;
}

/** Pins that the view left without a name get one. */
export function named(pins: readonly Pin[], tokens: readonly string[]): Pin[] {
  return pins.map((pin) => (pin.name === "" ? { ...pin, name: pinName(pin, tokens) } : pin));
}
