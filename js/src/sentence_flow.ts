/** The live finding for attention flow: the most that can be drawn, and what limits it. Pure. */
import { flowValue, isWord } from "./format";
import type { Frame } from "./frame";
import { type Binding, isFlow } from "./model";
import {
  aside,
  belowOf,
  clause,
  cut,
  inRow,
  levelWords,
  type Names,
  quiet,
  ranked,
  type Span,
  say,
  sharePhrases,
  strong,
  wordsAmong,
} from "./phrases";
import type { Trace } from "./trace";

/** Values this close are the same flow. */
const SAME = 1e-6;
/** A cut edge thinner than this carries nothing that could be seen. */
const FULL = 1e-9;

export function flowSentence(frame: Frame, trace: Trace, names: Names): Span[] {
  const { sources, sinks } = trace;
  if (sources !== null && sinks !== null) return pair(trace, names, sources, sinks);
  return row(frame, trace, names, sources ?? sinks ?? [], sources !== null);
}

/** Nothing selected: the largest flow between two words, once every cell is known. */
export function flowWithoutSelection({ matrix, tokens }: Frame, names: Names): Span[] {
  const ask = "ick a token to see what it can draw";
  let best = { query: -1, key: -1, value: 0 };
  if (matrix !== null && isFlow(matrix) && !matrix.values.some(Number.isNaN)) {
    const word = tokens.map(isWord);
    for (const [at, value] of matrix.values.entries()) {
      const [query, key] = [Math.floor(at / matrix.n), at % matrix.n];
      if (value > best.value && query !== key && word[query] && word[key]) {
        best = { query, key, value };
      }
    }
  }
  const { query, key, value } = best;
  if (query < 0) return say`P${ask}`;
  names.settle([query, key]);
  const [reader, read] = [strong(names.of(query)), strong(names.of(key))];
  const most = strong(flowValue(value));
  return say`Between words at most ${most} can flow: ${reader} from ${read}${aside(` · p${ask}`)}`;
}

/** One end: the largest values, and how many of them the token itself does not decide. */
function row(
  frame: Frame,
  trace: Trace,
  names: Names,
  ends: readonly number[],
  draws: boolean,
): Span[] {
  const own = new Set(ends);
  const shares = ranked(trace.relevance);
  const missing = trace.n - shares.length;
  const above = shares.filter(({ value }) => value > 0);
  const words = wordsAmong(frame.tokens, above, own).slice(0, 3);
  names.settle(ends, words);
  const [joint, other] = draws ? ["from", "input"] : ["to", "output"];
  const place = draws ? belowOf(trace) : ` at ${levelWords(trace.stop)}`;
  const even = missing === 0 && shares.length > 1 && shares[0]!.value - shares.at(-1)!.value < SAME;
  let found: Span[];
  if (even) found = say`${strong(flowValue(shares[0]!.value))} ${joint} each ${other}${place}`;
  else if (words.length > 0) {
    found = say`${inRow(sharePhrases(words, joint, names, flowValue))}${place}`;
  } else found = missing > 0 ? say`… ` : say`nothing ${joint} other words${place}`;
  const rest: string[] = [];
  if (missing > 0) rest.push(`${shares.length} of ${trace.n} ${other}s done`);
  else if (!even) {
    for (const { token, value } of shares) {
      if (own.has(token) && own.size === 1) rest.unshift(`${flowValue(value)} ${joint} itself`);
      else if (frame.special.has(token) && !own.has(token) && rest.length < 3) {
        rest.push(`${flowValue(value)} ${joint} ${names.of(token)}`);
      }
    }
  }
  const limit = missing > 0 ? "" : limitOfRow(trace, names.all(ends), draws);
  const verb = `${ends.length > 1 ? "together " : ""}can ${draws ? "draw" : "give"}`;
  const who = strong(names.all(ends));
  return say`${who} ${verb} at most ${found}${clause(rest)}${quiet(limit && `. ${limit}`)}`;
}

/** How many values only repeat what one end can take or give at all. */
function limitOfRow({ n, relevanceBinding }: Trace, who: string, draws: boolean): string {
  if (relevanceBinding === null) return "";
  const count = (...which: Binding[]) =>
    relevanceBinding.filter((code) => which.includes(code)).length;
  const [own, other]: Binding[] = draws ? ["source", "sink"] : ["sink", "source"];
  const [mine, theirs] = [count(own!, "both"), count(other!)];
  if (mine === n) {
    return `The only limit is ${who}: all it ${draws ? "can draw" : "gives on"} is used`;
  }
  const few = mine + theirs;
  if (few * 2 < n) return "";
  const end = draws ? "what the input gives on" : "what the output can draw";
  return `For ${few} of ${n} the only limit is ${mine === 0 ? end : "one of the two ends"}`;
}

/** Both ends: the value, and what limits it. */
function pair(
  trace: Trace,
  names: Names,
  sources: readonly number[],
  sinks: readonly number[],
): Span[] {
  const { value, binding } = trace.flow ?? { value: trace.total, binding: "unknown" };
  names.settle([...sources, ...sinks]);
  const itself = sources.length === 1 && sinks.length === 1 && sources[0] === sinks[0];
  const source = names.all(sources);
  const sink = names.all(sinks);
  const end = strong(itself ? "itself" : sink);
  const who = say`${strong(source)} ${sources.length > 1 ? "together " : ""}can draw`;
  if (value <= FULL) {
    return say`${who} nothing from ${end}${belowOf(trace)}: ${quiet("no way leads there.")}`;
  }
  const input = itself ? "the input" : sink;
  const limits: Partial<Record<Binding, Span[]>> = {
    interior: interior(trace, input),
    source: [
      quiet(`The limit is ${source}: all it can draw is used`),
      aside(alike(trace)),
      quiet("."),
    ],
    sink: [
      quiet(`The limit is ${input}: all it gives on is used`),
      aside(", whichever output draws it"),
      quiet("."),
    ],
    both: [
      quiet(`Both ends are used up: all that ${source} can draw, and all that ${input} gives on.`),
    ],
  };
  const most = strong(flowValue(value));
  return say`${who} at most ${most} from ${end}${belowOf(trace)}. ${limits[binding] ?? []}`;
}

/** The same limit gives the same value to every other input that meets it. */
function alike({ relevanceBinding }: Trace): string {
  const met = (relevanceBinding ?? []).filter((code) => code === "source" || code === "both");
  const others = met.length - 1;
  if (others < 1) return "";
  return `, as with ${others} other input${others === 1 ? "" : "s"}`;
}

function interior(trace: Trace, sink: string): Span[] {
  const edges = (trace.flow?.cut ?? []).filter(({ capacity }) => capacity > FULL);
  if (edges.length === 0) return [];
  const sums = new Map<number, number>();
  let total = 0;
  for (const { block, capacity } of edges) {
    sums.set(block, (sums.get(block) ?? 0) + capacity);
    total += capacity;
  }
  const [block, largest] = [...sums].sort((a, b) => b[1] - a[1])[0]!;
  return [
    quiet(edges.length === 1 ? "1 edge is full: " : `${edges.length} edges are full: `),
    cut("the cut"),
    quiet(`, ${partOf(largest / total)} in layer ${block + 1}. Beyond it ${sink} could give more.`),
  ];
}

function partOf(part: number): string {
  if (part > 0.995) return "all of it";
  if (part >= 0.8) return "most of it";
  if (part > 0.55) return "more than half of it";
  if (part >= 0.45) return "about half of it";
  if (part >= 0.3) return "about a third of it";
  return "the largest part";
}
