/** The live finding for attention flow: the most that can be drawn, and what limits it. Pure. */
import { flowValue, isWord } from "./format";
import type { Frame } from "./frame";
import type { Binding } from "./model";
import {
  aside,
  cut,
  levelWords,
  type Names,
  plain,
  quiet,
  ranked,
  type Share,
  type Span,
  strong,
  wordsAmong,
} from "./phrases";
import type { Trace } from "./trace";

/** Values this close are the same flow. */
const SAME = 1e-6;
/** A cut edge thinner than this carries nothing that could be seen. */
const FULL = 1e-9;

export function flowSentence(frame: Frame, trace: Trace, names: Names): Span[] {
  if (trace.sources !== null && trace.sinks !== null) {
    return pair(trace, names, trace.sources, trace.sinks);
  }
  return trace.sources === null
    ? row(frame, trace, names, trace.sinks ?? [], "give", "to")
    : row(frame, trace, names, trace.sources, "draw", "from");
}

/** Nothing selected: the largest flow between two words, once every cell is known. */
export function flowWithoutSelection(frame: Frame, names: Names): Span[] {
  const ask = "pick a token to see what it can draw";
  const { matrix } = frame;
  if (matrix === null || matrix.method !== "flow" || matrix.values.some(Number.isNaN)) {
    return [plain(`${ask[0]!.toUpperCase()}${ask.slice(1)}`)];
  }
  const word = frame.tokens.map(isWord);
  let best = { query: -1, key: -1, value: 0 };
  for (let query = 0; query < matrix.n; query++) {
    for (let key = 0; key < matrix.n; key++) {
      if (query === key || !word[query] || !word[key]) continue;
      const value = matrix.values[query * matrix.n + key]!;
      if (value > best.value) best = { query, key, value };
    }
  }
  if (best.query < 0) return [plain(`${ask[0]!.toUpperCase()}${ask.slice(1)}`)];
  names.settle([best.query, best.key]);
  return [
    plain("Between words at most "),
    strong(flowValue(best.value)),
    plain(" can flow: "),
    strong(names.of(best.query)),
    plain(" from "),
    strong(names.of(best.key)),
    aside(` · ${ask}`),
  ];
}

/** One end: the largest values, and how many of them the token itself does not decide. */
function row(
  frame: Frame,
  trace: Trace,
  names: Names,
  ends: readonly number[],
  verb: "draw" | "give",
  joint: "from" | "to",
): Span[] {
  const own = new Set(ends);
  const shares = ranked(trace.relevance);
  const missing = trace.n - shares.length;
  const above = shares.filter(({ value }) => value > 0);
  const words = wordsAmong(frame.tokens, above, own).slice(0, 3);
  names.settle([...ends, ...words.map(({ token }) => token)]);
  const together = ends.length > 1 ? " together" : "";
  const spans: Span[] = [strong(names.all(ends)), plain(`${together} can ${verb} at most `)];
  const level = verb === "draw" ? trace.start : trace.stop;
  const place = verb === "give" || level > 0 ? ` at ${levelWords(level)}` : "";
  const even = missing === 0 && shares.length > 1 && shares[0]!.value - shares.at(-1)!.value < SAME;
  if (even) {
    const each = verb === "draw" ? "each input" : "each output";
    spans.push(strong(flowValue(shares[0]!.value)), plain(` ${joint} ${each}${place}`));
  } else if (words.length === 0 && missing > 0) {
    spans.push(plain("… "));
  } else if (words.length === 0) {
    spans.push(plain(`nothing ${joint} other words${place}`));
  } else {
    spans.push(...valueSpans(words, joint, names), plain(place));
  }
  const rest: string[] = [];
  if (missing > 0) {
    rest.push(`${shares.length} of ${trace.n} ${verb === "draw" ? "inputs" : "outputs"} done`);
  } else if (!even) {
    for (const { token, value } of shares) {
      if (own.has(token) && own.size === 1) rest.unshift(`${flowValue(value)} ${joint} itself`);
      else if (frame.special.has(token) && !own.has(token) && rest.length < 3) {
        rest.push(`${flowValue(value)} ${joint} ${names.of(token)}`);
      }
    }
  }
  const clause = rest.join(", ");
  if (clause !== "") spans.push(aside(` · ${clause}`));
  const limit = missing > 0 ? "" : limitOfRow(trace, names, ends, verb);
  if (limit !== "") spans.push(quiet(`. ${limit}`));
  return spans;
}

function valueSpans(words: readonly Share[], joint: string, names: Names): Span[] {
  return words.flatMap(({ token, value }, i) => {
    const say = value >= 0.66 * words[0]!.value ? strong : plain;
    return [
      plain(i === 0 ? "" : ", "),
      say(flowValue(value)),
      plain(` ${joint} `),
      say(names.of(token)),
    ];
  });
}

/** How many values only repeat what one end can take or give at all. */
function limitOfRow(
  trace: Trace,
  names: Names,
  ends: readonly number[],
  verb: "draw" | "give",
): string {
  const bindings = trace.relevanceBinding;
  if (bindings === null) return "";
  const count = (...which: Binding[]) => bindings.filter((code) => which.includes(code)).length;
  const mine = verb === "draw" ? count("source", "both") : count("sink", "both");
  const theirs = verb === "draw" ? count("sink") : count("source");
  const other = verb === "draw" ? "input" : "output";
  if (mine === trace.n) {
    const all = verb === "draw" ? "all it can draw" : "all it gives on";
    return `The only limit is ${names.all(ends)}: ${all} is used`;
  }
  const few = mine + theirs;
  if (few * 2 < trace.n) return "";
  if (mine === 0) {
    const what = verb === "draw" ? "gives on" : "can draw";
    return `For ${theirs} of ${trace.n} the only limit is what the ${other} ${what}`;
  }
  return `For ${few} of ${trace.n} the only limit is one of the two ends`;
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
  const at = trace.start > 0 ? ` at ${levelWords(trace.start)}` : "";
  const spans: Span[] = [
    strong(source),
    plain(sources.length > 1 ? " together can draw " : " can draw "),
  ];
  if (value <= FULL) {
    spans.push(plain("nothing from "), strong(itself ? "itself" : sink), plain(`${at}: `));
    spans.push(quiet("no way leads there."));
    return spans;
  }
  spans.push(plain("at most "), strong(flowValue(value)), plain(" from "));
  spans.push(strong(itself ? "itself" : sink), plain(`${at}. `));
  const input = itself ? "the input" : sink;
  switch (binding) {
    case "interior":
      spans.push(...interior(trace, input));
      break;
    case "source":
      spans.push(
        quiet(`The limit is ${source}: all it can draw is used`),
        aside(alike(trace)),
        quiet("."),
      );
      break;
    case "sink":
      spans.push(
        quiet(`The limit is ${input}: all it gives on is used`),
        aside(", whichever output draws it"),
        quiet("."),
      );
      break;
    case "both":
      spans.push(
        quiet(
          `Both ends are used up: all that ${source} can draw, and all that ${input} gives on.`,
        ),
      );
      break;
    case "unknown":
      break;
  }
  return spans;
}

/** The same limit gives the same value to every other input that meets it. */
function alike(trace: Trace): string {
  const others =
    (trace.relevanceBinding ?? []).filter((binding) => binding === "source" || binding === "both")
      .length - 1;
  if (others < 1) return "";
  return others === 1 ? ", as with 1 other input" : `, as with ${others} other inputs`;
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
