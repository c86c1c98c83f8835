/** The parts that sentences and tooltips are made of. Pure. */
import { inBlocks, isWord, layerName, listed, percent, quoted, type TokenText } from "./format";
import type { Trace } from "./trace";

export interface Span {
  text: string;
  /** "strong": tokens and figures; "quiet": the second clause; "aside": a clause that only wide
   * widgets have room for; "cut": the colour of the cut. */
  tone: "plain" | "strong" | "quiet" | "aside" | "cut";
}

export interface Finding {
  spans: Span[];
  facts: string[];
  /** What is left out or made up: said at every width. */
  notices: string[];
}

export interface Share {
  token: number;
  value: number;
}

export const plain = (text: string): Span => ({ text, tone: "plain" });
export const strong = (text: string): Span => ({ text, tone: "strong" });
export const quiet = (text: string): Span => ({ text, tone: "quiet" });
export const aside = (text: string): Span => ({ text, tone: "aside" });
export const cut = (text: string): Span => ({ text, tone: "cut" });

/** A sentence: what stands in the template is plain, and so is a string put into it. */
export function say(
  words: TemplateStringsArray,
  ...parts: readonly (string | Span | readonly Span[])[]
): Span[] {
  return words
    .flatMap((text, i) => {
      const part = parts[i] ?? [];
      return [plain(text), ...(typeof part === "string" ? [plain(part)] : [part].flat())];
    })
    .filter(({ text }) => text !== "");
}

/** What follows where there is room: "· 43 % stays, 31 % rests on CLS". */
export function clause(parts: readonly string[]): Span[] {
  return parts.length > 0 ? [aside(` · ${parts.join(", ")}`)] : [];
}

/** Blocks by their names; tokens and figures are strong, and stay as they are. */
export function named(spans: Span[], blocks: readonly string[]): Span[] {
  return spans.map((span) =>
    span.tone === "strong" ? span : { ...span, text: inBlocks(span.text, blocks) },
  );
}

export function textOf(spans: readonly Span[]): string {
  return spans.map(({ text }) => text).join("");
}

/** Figures from this part of the strongest one on are stressed. */
const WORTH_STRESS = 0.66;

/** "55 % from CLS": figure, joint and name of each share. `first` is stressed whatever it holds. */
export function sharePhrases(
  shares: readonly Share[],
  joint: string,
  names: Names,
  figure: (value: number) => string = percent,
  first = -1,
): Span[][] {
  return shares.map(({ token, value }, i) => {
    const tone = value >= WORTH_STRESS * shares[0]!.value ? strong : plain;
    const name = (i === first ? strong : tone)(names.of(token));
    return say`${tone(figure(value))} ${joint} ${name}`;
  });
}

export function inRow(phrases: readonly Span[][]): Span[] {
  return phrases.flatMap((phrase, i) => (i === 0 ? phrase : [plain(", "), ...phrase]));
}

/** How the end of a trace, or its mean, stands to the other tokens: "draws … from". */
export function relationOf({ method, sources, sinks, direction }: Trace): [string, string] {
  const ends = direction === "up" ? sinks : sources;
  const s = (ends?.length ?? 1) > 1 ? "" : "s";
  if (method === "attention") return direction === "up" ? [`get${s}`, "from"] : [`put${s}`, "on"];
  return direction === "up" ? [s ? "reaches" : "reach", "of"] : [`draw${s}`, "from"];
}

/** "in layer 3": attention lives in its layer, a trace begins at it. */
export function placeOf({ method, stop }: Trace): string {
  return method === "attention" ? `in layer ${stop}` : `at ${levelWords(stop)}`;
}

/** The lower end of a trace, where it is not the input. */
export function belowOf({ method, start }: Trace): string {
  return method === "attention" || start === 0 ? "" : ` at ${levelWords(start)}`;
}

export function levelWords(level: number): string {
  return `${level === 0 ? "the " : ""}${layerName(level)}`;
}

/** Tokens by falling value; equal ones in the order of the text; NaN left out. */
export function ranked(values: ArrayLike<number>): Share[] {
  return Array.from(values, (value, token) => ({ token, value }))
    .filter(({ value }) => !Number.isNaN(value))
    .sort((a, b) => b.value - a.value || a.token - b.token);
}

/** Names tokens within one sentence: where two of them read the same, their position is added. */
export class Names {
  readonly #tokens: readonly TokenText[];
  readonly #twins = new Set<string>();

  constructor(tokens: readonly TokenText[]) {
    this.#tokens = tokens;
  }

  /** Say beforehand which tokens the sentence names, and of which shares those. */
  settle(named: readonly number[], shares: readonly Share[] = []): void {
    const owner = new Map<string, number>();
    for (const token of [...named, ...shares.map((share) => share.token)]) {
      const name = quoted(this.#tokens[token]!);
      const other = owner.get(name);
      if (other !== undefined && other !== token) this.#twins.add(name);
      owner.set(name, token);
    }
  }

  of(token: number): string {
    const name = quoted(this.#tokens[token]!);
    return this.#twins.has(name) ? `${name}\u00a0${token}` : name;
  }

  /** A set: up to three names, the rest as a number. */
  all(tokens: readonly number[]): string {
    if (tokens.length <= 3) return listed(tokens.map((token) => this.of(token)));
    const first = tokens.slice(0, 2).map((token) => this.of(token));
    return listed([...first, `${tokens.length - 2} more`]);
  }
}

/** The shares of words: not of special tokens, nor of `apart`; punctuation only where there is
 * nothing else. */
export function wordsAmong(
  tokens: readonly TokenText[],
  shares: readonly Share[],
  apart: ReadonlySet<number>,
): Share[] {
  const others = shares.filter(({ token }) => !tokens[token]!.special && !apart.has(token));
  const words = others.filter(({ token }) => isWord(tokens[token]!));
  return words.length > 0 ? words : others;
}
