/** The token strip: which form it takes, which tokens are tinted, what is quoted. Pure. */
import { differenceOf, divergingT } from "../compare";
import { isWord, type TokenText } from "../format";
import type { Frame } from "../frame";
import type { Hover } from "../hover";
import { type GraphNode, isFlow } from "../model";
import { listOf } from "../numbers";
import { ranked, wordsAmong } from "../phrases";
import { isUp, type Trace } from "../trace";
import { type Scale, twoPartScale } from "./scale";

/** "words": each token a chip; "text": running text; "barcode": one thin column a token. */
export type StripForm = "words" | "text" | "barcode";

export function stripForm(n: number): StripForm {
  if (n <= 64) return "words";
  return n <= 160 ? "text" : "barcode";
}

/** Colour position of every token's tint; NaN = no tint. */
export function tints(frame: Frame): Float64Array {
  const { trace, n } = frame;
  if (trace === null || trace.relevance.length !== n) return new Float64Array(n).fill(Number.NaN);
  const scale = scaleOf(frame, trace);
  const least = frame.even
    ? 1.15
    : isFlow(trace)
      ? standsOut(trace.relevance)
      : Math.max(0.5 / n, 0.0075);
  return trace.relevance.map((value) => (value >= least ? scale.t(value) : Number.NaN));
}

function scaleOf({ matrix }: Frame, trace: Trace): Scale {
  if (matrix !== null && matrix.method === trace.method) return matrix.scale;
  const largest = ranked(trace.relevance)[0]?.value ?? 0;
  return twoPartScale(largest, largest);
}

const TINT_STEPS = 80;

/** Background of every token, by its part in the selection or by what differs; null: none. */
export function tintColors(frame: Frame): (string | null)[] {
  const difference = differenceOf(frame);
  if (difference === null) {
    return Array.from(tints(frame), (t) =>
      // In steps too small to see, so that a drag does not restyle every token at every frame.
      Number.isNaN(t) ? null : frame.theme.seq(Math.round(t * TINT_STEPS) / TINT_STEPS),
    );
  }
  const least = Math.max(0.005, 0.1 * difference.half);
  return listOf(frame.n, (token) => {
    const value = difference.relevance?.[token] ?? Number.NaN;
    if (!(Math.abs(value) >= least)) return null;
    return frame.theme.div(divergingT(difference, value));
  });
}

/** Flows are nowhere near zero, and often all alike: only what exceeds the usual one is tinted. */
function standsOut(values: Float64Array): number {
  const known = ranked(values);
  const middle = known[Math.floor(known.length / 2)]?.value ?? 0;
  return Math.max(1.15 * middle, 1e-9);
}

/** The tokens to ring: the selection's upper end; with only inputs selected, these. */
export function ringed(selected: readonly GraphNode[]): Set<number> {
  const top = Math.max(...selected.map(([level]) => level));
  return new Set(selected.filter(([level]) => level === top).map(([, token]) => token));
}

/** What a token of the text stands for under the pointer: an end of the trace on show. */
export function endOf({ trace, selected }: Frame, token: number): Hover {
  return { kind: isUp(trace) || selected.length === 0 ? "output" : "input", token };
}

/** What a click on a token of the text selects. */
export function picked(
  frame: Frame,
  token: number,
  keys: { shift: boolean; toggle: boolean },
): { node: GraphNode; how: "replace" | "pair" | "add" } {
  const [start, stop] = frame.levels;
  const upper = frame.selected.filter(([level]) => level > start);
  if (keys.toggle) {
    const level = upper[0]?.[0] ?? frame.selected[0]?.[0] ?? stop;
    return { node: [level, token], how: "add" };
  }
  if (keys.shift && upper.length > 0) {
    return { node: [frame.matrix?.columnLevel ?? start, token], how: "pair" };
  }
  return { node: [stop, token], how: keys.shift ? "pair" : "replace" };
}

/** Index ticks under the barcode: round numbers, at most about eight of them. */
export function indexTicks(n: number): number[] {
  const step = 2 ** Math.ceil(Math.log2(n / 8));
  return listOf(Math.ceil(n / step), (i) => i * step);
}

export interface Quote {
  token: number;
  value: number;
  before: string;
  name: string;
  after: string;
}

const AROUND = 5;

/** The strongest words in their context, as running text. */
export function quotes(frame: Frame, count = 3): Quote[] {
  const { trace, tokens } = frame;
  if (trace === null) return [];
  const own = ringed(frame.selected);
  const shares = ranked(trace.relevance).filter(({ value }) => value > 0);
  return wordsAmong(tokens, shares, own)
    .slice(0, count)
    .map(({ token, value }) => ({
      token,
      value,
      before: running(tokens, wordFrom(tokens, token - AROUND), token),
      name: tokens[token]!.text,
      after: running(tokens, token, token + 1 + AROUND)
        .slice(tokens[token]!.text.length)
        .trimEnd(),
    }));
}

/** A quote does not begin with a comma. */
function wordFrom(tokens: readonly TokenText[], from: number): number {
  let first = Math.max(0, from);
  while (first < tokens.length && !isWord(tokens[first]!)) first += 1;
  return first;
}

/** Running text from `from` to before `to`; a space at its end where the next token wants one. */
function running(tokens: readonly TokenText[], from: number, to: number): string {
  let line = "";
  const last = Math.min(tokens.length, to);
  for (let i = Math.max(0, from); i < last; i++) {
    const { special, spaceBefore, text } = tokens[i]!;
    if (special) continue;
    line += `${spaceBefore && line !== "" ? " " : ""}${text}`;
  }
  return tokens[last]?.spaceBefore && line !== "" ? `${line} ` : line;
}
