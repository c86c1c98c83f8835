/** The finding of a comparison in words: what A draws more and less than B. Pure. */
import { type Difference, differenceOf, signed } from "./compare";
import { headsName, layersName, levelRange, listed, residualName } from "./format";
import type { Frame } from "./frame";
import { isAttention, isFlow, type Pin } from "./model";
import {
  clause,
  Names,
  plain,
  quiet,
  ranked,
  relationOf,
  type Share,
  type Span,
  say,
  strong,
  wordsAmong,
} from "./phrases";
import { isDown, isPair, isUp } from "./trace";

/** Words that differ by less than this part of the strongest one are left to the picture. */
const WORTH_NAMING = 0.4;
/** Half a point rounds to one, less to none; so with hundredths of a flow. */
const NOTHING = 0.005;

/** What a pin differs by, as the words that a sentence can begin and end with. */
const PHRASES = {
  method: ({ method }: Pin) =>
    method === "attention" ? "in one layer’s attention" : `by ${method}`,
  levels: ({ method, levels }: Pin) =>
    `${method === "attention" ? "in" : "over"} ${layersName(method, levels)}`,
  // Every one of them: "than with 5 heads" would tell nothing.
  heads: ({ heads }: Pin) =>
    `with ${Array.isArray(heads) ? `heads ${listed(heads.map(String))}` : headsName(heads)}`,
  top_head: ({ top_head }: Pin) =>
    top_head === null ? "with all heads on top" : `with head ${top_head} on top`,
  residual: ({ residual }: Pin) =>
    `with ${Array.isArray(residual) ? "a " : ""}${residualName(residual)}`,
  drop: ({ drop: { length } }: Pin) =>
    length === 0
      ? "with every token read"
      : `with ${length} ${length === 1 ? "token" : "tokens"} dropped`,
};

type Setting = keyof typeof PHRASES;
const SETTINGS = Object.keys(PHRASES) as Setting[];
const alike = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Null while a comparison is asked for but has not come yet. */
export function comparisonSentence(frame: Frame): Span[] | null {
  const difference = differenceOf(frame);
  if (difference === null) return null;
  const names = new Names(frame.tokens);
  const { a, b, relevance } = difference;
  const pairs = [a, b].every(({ trace }) => isPair(trace));
  if (pairs) return pairSentence(difference, names);
  if (relevance !== null) return sharesSentence(frame, difference, relevance, names);
  const [one, other] = [a, b].map(({ trace }) =>
    isDown(trace) ? "from outputs down" : "from inputs up",
  );
  const rest = "Their matrices can be subtracted, their traces only edge by edge.";
  return say`A is read ${one!}, B ${other!}. ${quiet(rest)}`;
}

/** A's part before the finding, and B's after it: "With head 3, " and " than with all heads". */
function contrast({ a, b }: Difference): { first: string; last: string; subjects: boolean } {
  const settings = differing(a.pin, b.pin);
  const subjects = !alike([a.trace.sources, a.trace.sinks], [b.trace.sources, b.trace.sinks]);
  const [only, ...more] = settings;
  if (only === undefined && subjects) return { first: "", last: "", subjects };
  if (only === undefined || more.length > 0 || subjects) {
    return { first: "In A, ", last: subjects ? " in B" : " than in B", subjects };
  }
  const first = PHRASES[only](a.pin);
  return {
    first: `${first[0]!.toUpperCase()}${first.slice(1)}, `,
    last: ` than ${PHRASES[only](b.pin)}`,
    subjects,
  };
}

function differing(a: Pin, b: Pin): Setting[] {
  // A method of one layer has neither a residual nor a range.
  const idle = isAttention(a) && isAttention(b) ? ["residual", "top_head"] : [];
  return SETTINGS.filter((name) => !idle.includes(name) && !alike(a[name], b[name]));
}

/** Who draws: the tokens that a trace begins with. */
function subjectOf(ends: readonly number[] | null, names: Names): Span {
  return ends === null ? plain("an output token on average") : strong(names.all(ends));
}

function relationIn({ a: { trace } }: Difference): [verb: string, joint: string] {
  const [verb, joint] = relationOf(trace);
  return [isFlow(trace) && isDown(trace) ? "can draw" : verb, joint];
}

/** "5 points more": the unit stands with the first figure alone. */
function amount(value: number, flow: boolean, first: boolean): string {
  const size = signed(Math.abs(value), flow).slice(1);
  const unit = flow || !first ? "" : size === "1" ? " point" : " points";
  return `${size}${unit} ${value < 0 ? "less" : "more"}`;
}

function sharesSentence(
  frame: Frame,
  difference: Difference,
  relevance: Float64Array,
  names: Names,
): Span[] {
  const { flow, a, b } = difference;
  const own = new Set([...(a.trace.sources ?? []), ...(b.trace.sources ?? [])]);
  const shares = ranked(relevance.map(Math.abs))
    .map(({ token }) => ({ token, value: relevance[token]! }))
    .filter(({ value }) => Math.abs(value) >= NOTHING);
  if (shares.length === 0) {
    const pending = relevance.some(Number.isNaN);
    return [plain(pending ? "A − B, still computing" : "A and B draw the same, to half a point")];
  }
  const words = wordsAmong(frame.tokens, shares, own);
  const leading = words[0] ?? shares[0]!;
  const main = (words.length > 0 ? words : shares)
    .filter(({ value }) => Math.sign(value) === Math.sign(leading.value))
    .filter(({ value }) => Math.abs(value) >= WORTH_NAMING * Math.abs(leading.value))
    .slice(0, 2);
  const rest = restOf(shares, main, own);
  const [mine, theirs] = [a, b].map(({ trace }) =>
    isUp(difference) ? trace.sinks : trace.sources,
  ) as [number[] | null, number[] | null];
  const { first, last, subjects } = contrast(difference);
  names.settle([...(mine ?? []), ...((subjects && theirs) || [])], [...main, ...rest]);
  const [verb, joint] = relationIn(difference);
  const found = main.map(({ token, value }, i) => {
    const figure = strong(amount(value, flow, i === 0));
    return say`${i === 0 ? "" : " and "}${figure} ${joint} ${strong(names.of(token))}`;
  });
  const other = subjects ? say` than ${subjectOf(theirs, names)}` : "";
  const more = rest.map(
    ({ token, value }) => `${amount(value, flow, false)} ${joint} ${names.of(token)}`,
  );
  const who = subjectOf(mine, names);
  return say`${first}${who} ${verb} ${found.flat()}${other}${last}${clause(more)}`;
}

/** What goes the other way, or is no word: up to two of them, the largest. */
function restOf(
  shares: readonly Share[],
  main: readonly Share[],
  own: ReadonlySet<number>,
): Share[] {
  const others = shares.filter((share) => !main.includes(share) && !own.has(share.token));
  const largest = Math.abs(others[0]?.value ?? 0);
  return others.filter(({ value }) => Math.abs(value) >= 0.6 * largest).slice(0, 2);
}

/** How much more A's end draws from its other end than B's. */
function pairSentence(difference: Difference, names: Names): Span[] {
  const { a, b, flow } = difference;
  const share = ({ trace }: Difference["a"]) =>
    trace.flow === null ? trace.total / Math.max(1, trace.sources?.length ?? 1) : trace.flow.value;
  const value = share(a) - share(b);
  const same = signed(value, flow) === "";
  const { first, last, subjects } = contrast(difference);
  names.settle([...(a.trace.sources ?? []), ...(a.trace.sinks ?? [])]);
  const [verb, joint] = relationIn(difference);
  const ends = ({ trace }: Difference["a"], between: string | Span[]): Span[] =>
    say`${subjectOf(trace.sources, names)}${between} ${joint} ${subjectOf(trace.sinks, names)}`;
  const most = strong(same ? "as much" : amount(value, flow, true));
  const mine = ends(a, say` ${verb} ${most}`);
  if (subjects) return say`${first}${mine} than ${ends(b, "")}${last}`;
  return say`${first}${mine}${same ? last.replace(" than", " as") : last}`;
}

/** What A and B have in common, and where the graph cannot show both. */
export function comparisonFacts(frame: Frame): string[] | null {
  const difference = differenceOf(frame);
  if (difference === null) return null;
  const { pin } = difference.a;
  const { method, levels, heads, residual } = pin;
  const apart = differing(pin, difference.b.pin);
  const common: Partial<Record<Setting, string | false>> = {
    method,
    levels: layersName(method, levels),
    heads: heads !== "mean" && headsName(heads),
    residual: method !== "attention" && residualName(residual),
  };
  const parts = ["A − B"];
  for (const name of SETTINGS) {
    const fact = !apart.includes(name) && common[name];
    if (fact) parts.push(fact);
  }
  if (difference.cropped) {
    parts.push(
      difference.blocks.length === 0
        ? "no layer in common: matrices alone"
        : `graph: what both have, ${levelRange(difference.start, difference.stop)}`,
    );
  }
  return parts;
}
