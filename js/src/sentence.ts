/** The live finding: what the picture says, in words, from the numbers of one frame. Pure. */

import { facts, notices } from "./facts";
import { isWord, LONG_TEXT, listed, percent } from "./format";
import type { Frame } from "./frame";
import {
  aside,
  type Finding,
  levelWords,
  Names,
  plain,
  quiet,
  ranked,
  type Share,
  type Span,
  strong,
  wordsAmong,
} from "./phrases";
import { comparisonFacts, comparisonSentence } from "./sentence_compare";
import { flowSentence, flowWithoutSelection } from "./sentence_flow";
import type { Trace } from "./trace";

/** Words under this part of the strongest one are left to the picture. */
const WORTH_NAMING = 0.4;
const WORTH_STRESS = 0.66;
/** Special tokens that hold less than this together are not worth a clause. */
const WORTH_A_CLAUSE = 0.05;
const ORDINALS = new Intl.PluralRules("en", { type: "ordinal" });
/** A share this small reads as nothing. */
const NOTHING = 0.0005;

export function describe(frame: Frame): Finding {
  return {
    spans: sentence(frame),
    facts: comparisonFacts(frame) ?? facts(frame),
    notices: notices(frame),
  };
}

function sentence(frame: Frame): Span[] {
  const { trace, tokens } = frame;
  const names = new Names(tokens);
  if (frame.n === 0) return [];
  if (frame.n === 1) {
    return [
      plain("One token, "),
      strong(names.of(0)),
      plain(": all of it comes from itself. "),
      quiet("Give the model a longer text to see a path."),
    ];
  }
  const compared = comparisonSentence(frame);
  if (compared !== null) return compared;
  if (trace === null) {
    return frame.method === "flow" && frame.selected.length === 0
      ? flowWithoutSelection(frame, names)
      : [];
  }
  const anything = trace.sources !== null || trace.sinks !== null;
  if (trace.method === "flow" && anything) {
    return flowSentence(frame, trace, names);
  }
  if (!anything) {
    return frame.method === "flow"
      ? flowWithoutSelection(frame, names)
      : average(frame, trace, names);
  }
  if (trace.sources !== null && trace.sinks !== null) return pair(frame, trace, names);
  return trace.sources === null
    ? forward(frame, trace, names, trace.sinks ?? [])
    : backward(frame, trace, names, trace.sources);
}

/** "55 % from CLS, 7 % from SEP": figure, joint and name of each share. */
function shareSpans(
  shares: readonly Share[],
  joint: string,
  names: Names,
  stress: readonly boolean[],
  firstWord = -1,
): Span[] {
  return shares.flatMap(({ token, value }, i) => [
    plain(i === 0 ? "" : ", "),
    (stress[i] ? strong : plain)(percent(value)),
    plain(` ${joint} `),
    (stress[i] || i === firstWord ? strong : plain)(names.of(token)),
  ]);
}

function stressed(shares: readonly Share[]): boolean[] {
  return shares.map(({ value }) => value >= WORTH_STRESS * shares[0]!.value);
}

/** Up to three words by true rank; the far smaller ones are left out. */
function leadingWords(frame: Frame, shares: readonly Share[], apart: ReadonlySet<number>): Share[] {
  const known = shares.filter(({ value }) => value >= NOTHING);
  const words = wordsAmong(frame.tokens, known, apart);
  return words.filter(({ value }) => value >= WORTH_NAMING * words[0]!.value).slice(0, 3);
}

/** Nothing selected: the mean over all outputs. */
function average(frame: Frame, trace: Trace, names: Names): Span[] {
  const attention = trace.method === "attention";
  const top = ranked(normalised(trace.relevance)).slice(0, 3);
  const firstWord = top.findIndex(({ token }) => !frame.special.has(token));
  names.settle(top.map(({ token }) => token));
  return [
    plain(
      attention
        ? `On average a token in layer ${trace.stop} puts `
        : `On average an output token draws `,
    ),
    ...shareSpans(top, attention ? "on" : "from", names, stressed(top), firstWord),
    aside(" · pick a token to trace it"),
  ];
}

/** A source, or a set of them: where its mass comes from. */
function backward(frame: Frame, trace: Trace, names: Names, sources: readonly number[]): Span[] {
  const attention = trace.method === "attention";
  const own = new Set(sources);
  const many = sources.length > 1;
  // A set starts with one unit at each of its tokens: as shares of the set they sum to 1.
  const shares = ranked(many ? normalised(trace.relevance) : trace.relevance);
  const words = leadingWords(frame, shares, own);
  names.settle([...sources, ...words.map(({ token }) => token)]);
  const spans: Span[] = [
    strong(names.all(sources)),
    plain(attention ? ` in layer ${trace.stop} ` : ` at ${levelWords(trace.stop)} `),
  ];
  const verb = attention ? (many ? "put" : "puts") : many ? "draw" : "draws";
  const joint = attention ? "on" : "from";
  if (words.length === 0) {
    spans.push(plain(`${verb} nothing ${joint} other words`));
  } else {
    spans.push(plain(`${verb} `), ...distanced(frame, sources, words, joint, names));
    if (!attention && trace.start > 0) spans.push(plain(` at ${levelWords(trace.start)}`));
  }
  const clause = restOf(frame, trace, shares, own, words, attention);
  if (clause !== "") spans.push(aside(` · ${clause}`));
  return spans;
}

/** In a long text the distance of one or two words says more than a third word. */
function distanced(
  frame: Frame,
  sources: readonly number[],
  words: readonly Share[],
  joint: string,
  names: Names,
): Span[] {
  const stress = stressed(words);
  if (frame.n <= LONG_TEXT || words.length > 2 || sources.length > 1) {
    return shareSpans(words, joint, names, stress);
  }
  const steps = words[0]!.token - sources[0]!;
  const distance = `${Math.abs(steps)} ${Math.abs(steps) === 1 ? "token" : "tokens"} ${
    steps < 0 ? "before" : "after"
  } it`;
  const spans = [...shareSpans(words.slice(0, 1), joint, names, stress), plain(`, ${distance}`)];
  if (words.length === 2) {
    spans.push(plain(", and "), ...shareSpans(words.slice(1), joint, names, stress.slice(1)));
  }
  return spans;
}

/** What does not come from words: the token's own part, and what rests on special tokens. */
function restOf(
  frame: Frame,
  trace: Trace,
  shares: readonly Share[],
  own: ReadonlySet<number>,
  words: readonly Share[],
  attention: boolean,
): string {
  const parts: string[] = [];
  const stays = sum(shares.filter(({ token }) => own.has(token)));
  if (trace.sources !== null && stays >= NOTHING) {
    const among = own.size > 1 ? " among them" : "";
    parts.push(
      attention
        ? `${percent(stays)} on ${own.size > 1 ? "each other" : "itself"}`
        : `${percent(stays)} stays${among}`,
    );
  }
  const specials = shares.filter(({ token }) => frame.special.has(token) && !own.has(token));
  const notable = specials.filter(({ value }) => value >= 0.1 * sum(specials));
  // The figure is the sum of what is named, no more.
  const named = notable.length > 3 ? specials : notable;
  const held = sum(named);
  if (held >= WORTH_A_CLAUSE) {
    const which =
      notable.length > 3
        ? "special tokens"
        : listed(named.map(({ token }) => frame.tokens[token]!.label));
    parts.push(attention ? `${percent(held)} on ${which}` : `${percent(held)} rests on ${which}`);
  }
  const signs = sum(
    shares.filter(
      (share) =>
        !own.has(share.token) &&
        !frame.special.has(share.token) &&
        !words.includes(share) &&
        !isWord(frame.tokens[share.token]!),
    ),
  );
  // As much as a word that is named would have to hold.
  if (signs >= WORTH_A_CLAUSE && signs >= (words[0]?.value ?? 0)) {
    parts.push(`${percent(signs)} on punctuation`);
  }
  return parts.join(", ");
}

/** An input alone: which outputs it reaches. */
function forward(frame: Frame, trace: Trace, names: Names, sinks: readonly number[]): Span[] {
  const attention = trace.method === "attention";
  const own = new Set(sinks);
  const shares = ranked(trace.relevance);
  const words = leadingWords(frame, shares, own);
  names.settle([...sinks, ...words.map(({ token }) => token)]);
  const where = trace.start === 0 ? "" : ` at ${levelWords(trace.start)}`;
  const spans: Span[] = [strong(names.all(sinks))];
  if (attention) spans.push(plain(" gets "));
  else spans.push(plain(`${where} ${sinks.length > 1 ? "reach" : "reaches"} `));
  if (words.length === 0) {
    spans.push(plain(attention ? "nothing from other words" : "no other word"));
  } else {
    const joint = attention ? "from" : "of";
    spans.push(...shareSpans(words, joint, names, stressed(words)));
  }
  spans.push(plain(attention ? ` in layer ${trace.stop}` : ` at ${levelWords(trace.stop)}`));
  const rest: string[] = [];
  const itself = shares.find(({ token }) => own.has(token))?.value ?? 0;
  if (own.size === 1 && itself >= NOTHING) {
    rest.push(`${percent(itself)} ${attention ? "from" : "of"} itself`);
  }
  for (const { token, value } of shares) {
    if (!frame.special.has(token) || own.has(token) || value < 0.02 || rest.length > 2) continue;
    rest.push(`${percent(value)} ${attention ? "from" : "of"} ${frame.tokens[token]!.label}`);
  }
  if (rest.length > 0) spans.push(aside(` · ${rest.join(", ")}`));
  return spans;
}

/** Two ends: how much of the upper one comes from the lower one, and by which way. */
function pair(frame: Frame, trace: Trace, names: Names): Span[] {
  const sources = trace.sources ?? [];
  const sinks = trace.sinks ?? [];
  const attention = trace.method === "attention";
  const many = sources.length > 1;
  const share = many ? trace.total / sources.length : trace.total;
  names.settle([...sources, ...sinks]);
  const from = same(sources, sinks) ? (many ? "themselves" : "itself") : names.all(sinks);
  const at = attention ? ` in layer ${trace.stop} ` : ` at ${levelWords(trace.stop)} `;
  const verb = attention ? (many ? "put" : "puts") : many ? "draw" : "draws";
  const joint = attention ? "on" : "from";
  const spans: Span[] = [strong(names.all(sources)), plain(`${at}${verb} `)];
  if (share < NOTHING / 10) {
    spans.push(plain(`nothing ${joint} `), strong(from));
    return spans;
  }
  spans.push(strong(percent(share)), plain(` ${joint} `), strong(from));
  if (!attention && trace.start > 0) spans.push(plain(` at ${levelWords(trace.start)}`));
  const rest = [placeOf(trace), wayOf(frame, trace)].filter((part) => part !== "");
  if (rest.length > 0) spans.push(aside(` · ${rest.join(", ")}`));
  return spans;
}

function placeOf(trace: Trace): string {
  const sink = trace.sinks?.length === 1 ? trace.sinks[0] : undefined;
  if (sink === undefined || trace.direction !== "down") return "";
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
  const total = values.reduce((a, b) => a + b, 0);
  return total > 0 ? values.map((value) => value / total) : values;
}

function sum(shares: readonly Share[]): number {
  return shares.reduce((total, { value }) => total + value, 0);
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((token) => b.includes(token));
}
