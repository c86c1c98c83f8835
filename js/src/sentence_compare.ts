/** The finding of a comparison in words: what A draws more and less than B. Pure. */
import { type Difference, differenceOf, signed } from "./compare";
import { levelRange, listed } from "./format";
import type { Frame } from "./frame";
import type { Heads, Method, Pin } from "./model";
import {
  aside,
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

/** Words that differ by less than this part of the strongest one are left to the picture. */
const WORTH_NAMING = 0.4;
/** Half a point rounds to one, less to none. */
const NOTHING = { points: 0.005, flow: 0.005 };

type Setting = "method" | "levels" | "heads" | "top_head" | "residual" | "drop";

/** Null while a comparison is asked for but has not come yet. */
export function comparisonSentence(frame: Frame): Span[] | null {
  const difference = differenceOf(frame);
  if (difference === null) return null;
  const names = new Names(frame.tokens);
  const { a, b, relevance } = difference;
  const pairs = [a, b].every(({ trace }) => trace.sources !== null && trace.sinks !== null);
  if (pairs) return pairSentence(difference, names);
  if (relevance === null) {
    return [
      plain(`A is read ${wayOf(difference.direction)}, B ${wayOf(b.trace.direction)}. `),
      quiet("Their matrices can be subtracted, their traces only edge by edge."),
    ];
  }
  return sharesSentence(frame, difference, relevance, names);
}

function wayOf(direction: "down" | "up"): string {
  return direction === "down" ? "from outputs down" : "from inputs up";
}

/** A's part before the finding, and B's after it: "With head 3, " and " than with all heads". */
function contrast(difference: Difference): { first: string; last: string; subjects: boolean } {
  const [a, b] = [difference.a.pin, difference.b.pin];
  const settings = differing(a, b);
  const same = sameEnds(difference);
  const [only] = settings;
  if (settings.length === 1 && same && only !== undefined) {
    return {
      first: `${capital(phrase(a, only))}, `,
      last: ` than ${phrase(b, only)}`,
      subjects: false,
    };
  }
  if (settings.length === 0 && !same) return { first: "", last: "", subjects: true };
  return { first: "In A, ", last: same ? " than in B" : "", subjects: !same };
}

function differing(a: Pin, b: Pin): Setting[] {
  const names: Setting[] = ["method", "levels", "heads", "top_head", "residual", "drop"];
  // A method of one layer has neither a residual nor a range.
  const idle = a.method === "attention" && b.method === "attention" ? ["residual", "top_head"] : [];
  return names.filter(
    (name) => !idle.includes(name) && JSON.stringify(a[name]) !== JSON.stringify(b[name]),
  );
}

function phrase(pin: Pin, setting: Setting): string {
  switch (setting) {
    case "method":
      return methodPhrase(pin.method);
    case "levels":
      return pin.method === "attention"
        ? `in layer ${pin.levels[1]}`
        : `over layers ${levelRange(...pin.levels)}`;
    case "heads":
      return headsPhrase(pin.heads);
    case "top_head":
      return pin.top_head === null ? "with all heads on top" : `with head ${pin.top_head} on top`;
    case "residual":
      return Array.isArray(pin.residual)
        ? "with a residual per layer"
        : `with residual ${pin.residual.toFixed(2)}`;
    case "drop":
      return pin.drop.length === 0
        ? "with every token read"
        : `with ${pin.drop.length} ${pin.drop.length === 1 ? "token" : "tokens"} dropped`;
  }
}

function methodPhrase(method: Method): string {
  return method === "attention" ? "in one layer’s attention" : `by ${method}`;
}

function headsPhrase(heads: Heads): string {
  if (typeof heads === "number") return `with head ${heads}`;
  if (Array.isArray(heads)) return `with heads ${listed(heads.map(String))}`;
  return heads === "mean" ? "with all heads" : `with the ${heads} of all heads`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function sameEnds({ a, b }: Difference): boolean {
  const ends = ({ trace }: Difference["a"]) => JSON.stringify([trace.sources, trace.sinks]);
  return ends(a) === ends(b);
}

/** Who draws, and with what verb. */
function subject(
  { a }: Difference,
  names: Names,
  withLevel: boolean,
): { who: Span[]; verb: string; joint: string } {
  const { trace } = a;
  const attention = trace.method === "attention";
  const up = trace.direction === "up";
  const ends = up ? trace.sinks : trace.sources;
  const many = (ends?.length ?? 1) > 1;
  const s = many ? "" : "s";
  const who = ends === null ? [plain("an output token on average")] : [strong(names.all(ends))];
  if (withLevel && ends !== null)
    who.push(plain(` at ${levelWords(up ? trace.start : trace.stop)}`));
  if (up)
    return {
      who,
      verb: attention ? `get${s}` : many ? "reach" : "reaches",
      joint: attention ? "from" : "of",
    };
  const verb = attention ? `put${s}` : trace.method === "flow" ? "can draw" : `draw${s}`;
  return { who, verb, joint: attention ? "on" : "from" };
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
  const least = flow ? NOTHING.flow : NOTHING.points;
  const own = new Set([...(a.trace.sources ?? []), ...(b.trace.sources ?? [])]);
  const shares = ranked(relevance.map(Math.abs))
    .map(({ token }) => ({ token, value: relevance[token]! }))
    .filter(({ value }) => Math.abs(value) >= least);
  const { first, last, subjects } = contrast(difference);
  const others = difference.direction === "up" ? (a.trace.sinks ?? []) : (a.trace.sources ?? []);
  const { who, verb, joint } = subject(difference, names, false);
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
  const bSubjects = difference.direction === "up" ? b.trace.sinks : b.trace.sources;
  names.settle([
    ...others,
    ...(subjects ? (bSubjects ?? []) : []),
    ...[...main, ...rest].map(({ token }) => token),
  ]);
  const spans: Span[] = [
    plain(first),
    ...subject(difference, names, false).who,
    plain(` ${verb} `),
  ];
  if (who.length === 0) return spans;
  for (const [i, { token, value }] of main.entries()) {
    spans.push(
      plain(i === 0 ? "" : " and "),
      strong(amount(value, flow, i === 0)),
      plain(` ${joint} `),
      strong(names.of(token)),
    );
  }
  spans.push(plain(last));
  if (subjects) {
    spans.push(plain(" than "));
    spans.push(
      bSubjects === null ? plain("an output token on average") : strong(names.all(bSubjects)),
      plain(first === "" ? "" : " in B"),
    );
  }
  if (rest.length > 0) {
    const parts = rest.map(
      ({ token, value }) => `${amount(value, flow, false)} ${joint} ${names.of(token)}`,
    );
    spans.push(aside(` · ${parts.join(", ")}`));
  }
  return spans.filter(({ text }) => text !== "");
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
  const { first, last, subjects } = contrast(difference);
  const sinks = a.trace.sinks ?? [];
  const other = b.trace;
  names.settle([...(a.trace.sources ?? []), ...sinks]);
  const { who, verb, joint } = subject(difference, names, false);
  const spans: Span[] = [plain(first), ...who, plain(` ${verb} `)];
  if (signed(value, flow) === "") spans.push(strong("as much"), plain(` ${joint} `));
  else spans.push(strong(amount(value, flow, true)), plain(` ${joint} `));
  spans.push(strong(names.all(sinks)));
  if (subjects) {
    spans.push(plain(" than "), strong(names.all(other.sources ?? [])));
    spans.push(plain(` ${joint} `), strong(names.all(other.sinks ?? [])));
    spans.push(plain(first === "" ? "" : " in B"));
  } else spans.push(plain(signed(value, flow) === "" ? last.replace(" than", " as") : last));
  return spans.filter(({ text }) => text !== "");
}

/** What A and B have in common, and where the graph cannot show both. */
export function comparisonFacts(frame: Frame): string[] | null {
  const difference = differenceOf(frame);
  if (difference === null) return null;
  const { a, b } = difference;
  const apart = new Set<Setting>(differing(a.pin, b.pin));
  const parts = ["A − B"];
  const { pin } = a;
  if (!apart.has("method")) parts.push(pin.method);
  if (!apart.has("levels")) {
    if (pin.method === "attention") parts.push(`layer ${pin.levels[1]}`);
    else parts.push(`layers ${levelRange(...pin.levels)}`);
  }
  if (!apart.has("heads") && pin.heads !== "mean") parts.push(headsPhrase(pin.heads).slice(5));
  if (!apart.has("residual") && pin.method !== "attention") {
    parts.push(phrase(pin, "residual").slice(5));
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
