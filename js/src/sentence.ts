/** The live finding: what the picture says, in words, from the numbers of one frame. Pure. */

import { facts, notices } from "./facts";
import { flowValue, inBlocks, isWord, LONG_TEXT, listed, percent } from "./format";
import type { Frame } from "./frame";
import { outlined } from "./layout/image";
import { isAttention, isFlow } from "./model";
import { sum } from "./numbers";
import {
  aside,
  belowOf,
  clause,
  type Finding,
  inRow,
  levelWords,
  Names,
  named,
  placeOf,
  quiet,
  ranked,
  relationOf,
  type Share,
  type Span,
  say,
  sharePhrases,
  strong,
  wordsAmong,
} from "./phrases";
import { comparisonFacts, comparisonSentence } from "./sentence_compare";
import { flowSentence, flowWithoutSelection } from "./sentence_flow";
import { isDown, isMean, type Trace } from "./trace";

/** Words under this part of the strongest one are left to the picture. */
const WORTH_NAMING = 0.4;
/** Special tokens that hold less than this together are not worth a clause. */
const WORTH_A_CLAUSE = 0.05;
const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
/** A share this small reads as nothing. */
const NOTHING = 0.0005;

export function describe(frame: Frame): Finding {
  return {
    spans: named(sentence(frame), frame.blocks),
    facts: (comparisonFacts(frame) ?? facts(frame)).map((fact) => inBlocks(fact, frame.blocks)),
    notices: notices(frame),
  };
}

function sentence(frame: Frame): Span[] {
  const { trace, tokens, method } = frame;
  const names = new Names(tokens);
  if (frame.n === 0) return [];
  if (frame.n === 1) {
    const hint = quiet("Give the model a longer text to see a path.");
    return say`One token, ${strong(names.of(0))}: all of it comes from itself. ${hint}`;
  }
  const compared = comparisonSentence(frame);
  if (compared !== null) return compared;
  const { sources = null, sinks = null } = trace ?? {};
  if (trace !== null && frame.even) return against(frame, trace, names);
  if (trace === null || isMean(trace)) {
    if (method !== "flow") return trace === null ? [] : average(frame, trace, names);
    return trace === null && frame.selected.length > 0 ? [] : flowWithoutSelection(frame, names);
  }
  if (isFlow(trace)) return flowSentence(frame, trace, names);
  if (sources === null) return forward(frame, trace, names, sinks ?? []);
  return sinks === null
    ? backward(frame, trace, names, sources)
    : pair(frame, trace, names, sources, sinks);
}

/** "61 % from the 24 outlined patches": what is said of an image instead of words. */
function patchSpans(frame: Frame, joint: string): Span[] | null {
  const found = outlined(frame);
  if (found === null || found.cells.size === 0) return null;
  const { size } = found.cells;
  const patches = size === 1 ? "outlined patch" : `${size} outlined patches`;
  return say`${strong(percent(found.share))} ${joint} the ${strong(patches)}`;
}

/** Up to three words by true rank; the far smaller ones are left out. */
function leadingWords(frame: Frame, shares: readonly Share[], apart: ReadonlySet<number>): Share[] {
  const known = shares.filter(({ value }) => value >= NOTHING);
  const words = wordsAmong(frame.tokens, known, apart);
  return words.filter(({ value }) => value >= WORTH_NAMING * words[0]!.value).slice(0, 3);
}

/** Shares as multiples of what even attention gives: what stands out, or the one asked for. */
function against(frame: Frame, trace: Trace, names: Names): Span[] {
  const { sources, sinks, direction } = trace;
  const ends = direction === "up" ? sinks : sources;
  const known = ranked(trace.relevance).filter(({ value }) => value > 0);
  const asked = sources === null ? null : sinks;
  const words = wordsAmong(frame.tokens, known, new Set(ends)).slice(0, 3);
  const found = asked === null ? words : known.filter(({ token }) => asked.includes(token));
  names.settle(ends ?? [], found);
  const [verb, joint] = relationOf(trace);
  const who = ends === null ? "an output token" : strong(names.all(ends));
  const times = inRow(sharePhrases(found, joint, names, (value) => `${flowValue(value)}\u00a0×`));
  const what = found.length === 0 ? say`nothing ${joint} other words` : times;
  return say`Next to even attention, ${who} ${placeOf(trace)} ${verb} ${what}${belowOf(trace)}`;
}

/** Nothing selected: the mean over all outputs. */
function average(frame: Frame, trace: Trace, names: Names): Span[] {
  const top = ranked(normalised(trace.relevance)).slice(0, 3);
  const firstWord = top.findIndex(({ token }) => !frame.special.has(token));
  names.settle([], top);
  const [verb, joint] = relationOf(trace);
  const who = isAttention(trace) ? `a token ${placeOf(trace)}` : "an output token";
  const patches = patchSpans(frame, joint);
  const shares = patches ?? inRow(sharePhrases(top, joint, names, percent, firstWord));
  const pick = patches === null ? "token" : "patch";
  return say`On average ${who} ${verb} ${shares}${aside(` · pick a ${pick} to trace it`)}`;
}

/** A source, or a set of them: where its mass comes from. */
function backward(frame: Frame, trace: Trace, names: Names, sources: readonly number[]): Span[] {
  const own = new Set(sources);
  // A set starts with one unit at each of its tokens: as shares of the set they sum to 1.
  const shares = ranked(sources.length > 1 ? normalised(trace.relevance) : trace.relevance);
  const words = leadingWords(frame, shares, own);
  names.settle(sources, words);
  const [verb, joint] = relationOf(trace);
  const found =
    words.length === 0
      ? say`nothing ${joint} other words`
      : say`${patchSpans(frame, joint) ?? distanced(frame, sources, words, joint, names)}${belowOf(trace)}`;
  const rest = clause(restOf(frame, trace, shares, own, words));
  return say`${strong(names.all(sources))} ${placeOf(trace)} ${verb} ${found}${rest}`;
}

/** In a long text the distance of one or two words says more than a third word. */
function distanced(
  frame: Frame,
  sources: readonly number[],
  words: readonly Share[],
  joint: string,
  names: Names,
): Span[] {
  const [first, second, ...more] = sharePhrases(words, joint, names);
  if (frame.n <= LONG_TEXT || more.length > 0 || sources.length > 1) {
    return inRow([first!, ...(second ? [second] : []), ...more]);
  }
  const steps = words[0]!.token - sources[0]!;
  const distance = `${Math.abs(steps)} ${Math.abs(steps) === 1 ? "token" : "tokens"}`;
  const side = steps < 0 ? "before" : "after";
  return say`${first!}, ${distance} ${side} it${second ? say`, and ${second}` : ""}`;
}

/** What does not come from words: the token's own part, and what rests on special tokens. */
function restOf(
  frame: Frame,
  trace: Trace,
  shares: readonly Share[],
  own: ReadonlySet<number>,
  words: readonly Share[],
): string[] {
  const attention = isAttention(trace);
  const parts: string[] = [];
  const many = own.size > 1;
  const stays = massOf(shares.filter(({ token }) => own.has(token)));
  if (stays >= NOTHING) {
    const where = many ? "each other" : "itself";
    parts.push(
      percent(stays) + (attention ? ` on ${where}` : ` stays${many ? " among them" : ""}`),
    );
  }
  const others = shares.filter(({ token }) => !own.has(token));
  const specials = others.filter(({ token }) => frame.special.has(token));
  const notable = specials.filter(({ value }) => value >= 0.1 * massOf(specials));
  // The figure is the sum of what is named, no more.
  const named = notable.length > 3 ? specials : notable;
  const held = massOf(named);
  if (held >= WORTH_A_CLAUSE) {
    const labels = named.map(({ token }) => frame.tokens[token]!.label);
    const which = notable.length > 3 ? "special tokens" : listed(labels);
    parts.push(`${percent(held)} ${attention ? "on" : "rests on"} ${which}`);
  }
  const signs = massOf(
    others.filter((share) => {
      const token = frame.tokens[share.token]!;
      return !frame.special.has(share.token) && !words.includes(share) && !isWord(token);
    }),
  );
  // As much as a word that is named would have to hold.
  if (signs >= WORTH_A_CLAUSE && signs >= (words[0]?.value ?? 0)) {
    parts.push(`${percent(signs)} on punctuation`);
  }
  return parts;
}

/** An input alone: which outputs it reaches. */
function forward(frame: Frame, trace: Trace, names: Names, sinks: readonly number[]): Span[] {
  const attention = isAttention(trace);
  const own = new Set(sinks);
  const shares = ranked(trace.relevance);
  const words = leadingWords(frame, shares, own);
  names.settle(sinks, words);
  const [verb, joint] = relationOf(trace);
  const nothing = attention ? "nothing from other words" : "no other word";
  const found = words.length === 0 ? nothing : inRow(sharePhrases(words, joint, names));
  const rest: string[] = [];
  const itself = shares.find(({ token }) => own.has(token))?.value ?? 0;
  if (own.size === 1 && itself >= NOTHING) rest.push(`${percent(itself)} ${joint} itself`);
  for (const { token, value } of shares) {
    if (!frame.special.has(token) || own.has(token) || value < 0.02 || rest.length > 2) continue;
    rest.push(`${percent(value)} ${joint} ${frame.tokens[token]!.label}`);
  }
  const who = say`${strong(names.all(sinks))}${belowOf(trace)}`;
  return say`${who} ${verb} ${found} ${placeOf(trace)}${clause(rest)}`;
}

/** Two ends: how much of the upper one comes from the lower one, and by which way. */
function pair(
  frame: Frame,
  trace: Trace,
  names: Names,
  sources: readonly number[],
  sinks: readonly number[],
): Span[] {
  const many = sources.length > 1;
  const share = many ? trace.total / sources.length : trace.total;
  names.settle([...sources, ...sinks]);
  const own = sources.length === sinks.length && sources.every((token) => sinks.includes(token));
  const from = strong(own ? (many ? "themselves" : "itself") : names.all(sinks));
  const [verb, joint] = relationOf(trace);
  const who = say`${strong(names.all(sources))} ${placeOf(trace)} ${verb}`;
  if (share < NOTHING / 10) return say`${who} nothing ${joint} ${from}`;
  const rest = [rankOf(trace), wayOf(frame, trace)].filter((part) => part !== "");
  const found = say`${strong(percent(share))} ${joint} ${from}${belowOf(trace)}`;
  return say`${who} ${found}${clause(rest)}`;
}

function rankOf(trace: Trace): string {
  const sink = trace.sinks?.length === 1 ? trace.sinks[0] : undefined;
  if (sink === undefined || !isDown(trace)) return "";
  const place = ranked(trace.relevance).findIndex(({ token }) => token === sink) + 1;
  if (place === 0) return "";
  return place === 1 ? "its largest share" : `its ${ordinal(place)} largest share of ${trace.n}`;
}

function ordinal(place: number): string {
  const ending = { one: "st", two: "nd", few: "rd" }[String(ORDINALS.select(place))];
  return `${place}${ending ?? "th"}`;
}

/** The node between the ends that carries most of the pair, if it carries enough to be named. */
function wayOf(frame: Frame, trace: Trace): string {
  let best = { level: 0, token: 0, mass: 0 };
  for (const [i, masses] of trace.nodes.entries()) {
    if (i === 0 || i === trace.nodes.length - 1) continue;
    for (const [token, mass] of masses.entries()) {
      const end = trace.sources?.includes(token) || trace.sinks?.includes(token);
      if (!end && mass > best.mass) best = { level: trace.start + i, token, mass };
    }
  }
  if (best.mass < 0.2) return "";
  const name = new Names(frame.tokens).of(best.token);
  return `${percent(best.mass)} of it by way of ${name} at ${levelWords(best.level)}`;
}

function normalised(values: Float64Array): Float64Array {
  const total = sum(values);
  return total > 0 ? values.map((value) => value / total) : values;
}

function massOf(shares: readonly Share[]): number {
  return sum(shares, ({ value }) => value);
}
