/** What the tooltip says about the thing under the pointer, with exact numbers. Pure. */
import { differenceOf } from "./compare";
import { exactFlow, exactPercent, quoted } from "./format";
import type { Frame } from "./frame";
import { differenceHint } from "./hint_compare";
import type { Hover } from "./hover";
import type { Binding, Method } from "./model";
import { levelWords, plain, quiet, type Span, strong } from "./phrases";
import type { Trace } from "./trace";

/** Longest raw token that a tooltip spells out. */
const RAW_LENGTH = 200;

/** Lines of the tooltip; none when there is nothing to say. */
export function hint(frame: Frame): Span[][] {
  const target = frame.hovered?.target;
  if (target === undefined) return [];
  const tokens = "token" in target ? [target.token] : [target.query, target.key];
  // A hover may outlive the tokens it was about.
  if (tokens.some((token) => frame.tokens[token] === undefined)) return [];
  return [...words(frame, target), ...spelledOut(frame, tokens)];
}

function words(frame: Frame, target: Hover): Span[][] {
  const difference = differenceOf(frame);
  if (difference !== null) return differenceHint(frame, difference, target);
  switch (target.kind) {
    case "cell":
      return cell(frame, target.query, target.key);
    case "edge":
      return edge(frame, target);
    case "node":
      return node(frame, target.level, target.token);
    case "input":
      return end(frame, target.token, "down");
    case "output":
      return end(frame, target.token, "up");
    case "column":
      return column(frame, target.token);
  }
}

function name(frame: Frame, token: number): string {
  return quoted(frame.tokens[token]!);
}

function names(frame: Frame, tokens: readonly number[]): string {
  return tokens.length > 2
    ? `${tokens.length} tokens`
    : tokens.map((token) => name(frame, token)).join(" and ");
}

/** "8.82 % of 'it' comes from 'big'", in the words of the method. */
function relation(method: Method, value: number, query: string, key: string): Span[] {
  if (Number.isNaN(value)) return [quiet("still computing")];
  if (method === "flow") {
    return [strong(exactFlow(value)), plain(" at most from "), plain(`${key} to ${query}`)];
  }
  const share = strong(exactPercent(value));
  return method === "attention"
    ? [share, plain(` of ${query}’s attention goes to ${key}`)]
    : [share, plain(` of ${query} comes from ${key}`)];
}

function limit(binding: Binding | null, query: string, key: string): Span[][] {
  switch (binding) {
    case "interior":
      return [[quiet("limited by edges between them")]];
    case "source":
      return [[quiet(`limited by what ${query} can draw`)]];
    case "sink":
      return [[quiet(`limited by what ${key} gives on`)]];
    case "both":
      return [[quiet("limited by both ends")]];
    default:
      return [];
  }
}

function cell(frame: Frame, query: number, key: number): Span[][] {
  const { matrix } = frame;
  if (matrix === null || query >= matrix.n || key >= matrix.n) return [];
  const value = matrix.values[query * matrix.n + key]!;
  const [reader, read] = [name(frame, query), query === key ? "itself" : name(frame, key)];
  const line = relation(matrix.method, value, reader, read);
  if (matrix.method !== "flow" || Number.isNaN(value)) return [line];
  return [line, ...limit(matrix.bindingAt(query, key), reader, name(frame, key))];
}

function edge(frame: Frame, at: Extract<Hover, { kind: "edge" }>): Span[][] {
  const { trace } = frame;
  const flow = trace?.method === "flow";
  const [reader, read] = [name(frame, at.query), name(frame, at.key)];
  const way =
    at.query === at.key
      ? `stays with ${reader} in layer ${at.block + 1}`
      : `goes from ${read} to ${reader} in layer ${at.block + 1}`;
  const value = flow ? exactFlow(at.value) : exactPercent(at.value);
  const whole = trace === null ? "" : wholeOf(frame, trace);
  const lines: Span[][] = [[strong(value), plain(`${whole} ${way}`)]];
  const full = trace?.flow?.cut.find(
    ({ block, query, key }) => block === at.block && query === at.query && key === at.key,
  );
  if (full !== undefined) {
    lines.push([
      { text: "full, part of the cut", tone: "cut" },
      quiet(` · holds ${exactFlow(full.capacity)}`),
    ]);
  }
  return lines;
}

/** What the shares of a trace are shares of. */
function wholeOf(frame: Frame, trace: Trace): string {
  if (trace.method === "flow")
    return trace.flow === null ? "" : ` of ${exactFlow(trace.flow.value)}`;
  const { sources, sinks } = trace;
  if (sources !== null && sinks !== null) return " of what they share";
  const ends = sources ?? sinks;
  return ends === null ? " of the mean" : ` of ${names(frame, ends)}`;
}

function node(frame: Frame, level: number, token: number): Span[][] {
  const { trace } = frame;
  const where = `${name(frame, token)} at ${levelWords(level)}`;
  const mass = trace?.nodes[level - trace.start]?.[token];
  if (trace === null || mass === undefined || mass === 0) return [[plain(where)]];
  const value = trace.method === "flow" ? exactFlow(mass) : exactPercent(mass);
  return [[strong(value), plain(`${wholeOf(frame, trace)} passes ${where}`)]];
}

/** A label at one of the two sides. */
function end(frame: Frame, token: number, side: "down" | "up"): Span[][] {
  const { trace } = frame;
  const own = name(frame, token);
  // Without a number there is nothing that the label does not say.
  if (trace === null || trace.direction !== side) return [];
  const value = trace.relevance[token] ?? Number.NaN;
  const ends = side === "down" ? trace.sources : trace.sinks;
  const other = ends === null ? "an output token" : names(frame, ends);
  const self = ends?.length === 1 && ends[0] === token;
  const [reader, read] =
    side === "down" ? [other, self ? "itself" : own] : [own, self ? "itself" : other];
  const line = relation(trace.method, value, reader, read);
  if (trace.method !== "flow" || Number.isNaN(value)) return [line];
  const binding = trace.relevanceBinding?.[token] ?? null;
  return [line, ...limit(binding, side === "down" ? other : own, side === "down" ? own : other)];
}

function column(frame: Frame, token: number): Span[][] {
  const { matrix } = frame;
  if (matrix === null || token >= matrix.n) return [];
  let total = 0;
  for (let query = 0; query < matrix.n; query++) total += matrix.values[query * matrix.n + token]!;
  const mean = total / matrix.n;
  if (Number.isNaN(mean)) return [[plain(name(frame, token))]];
  const own = name(frame, token);
  if (matrix.method === "flow") {
    return [[strong(exactFlow(mean)), plain(` at most from ${own} on average`)]];
  }
  const verb =
    matrix.method === "attention" ? "of the attention goes to" : "of an output token comes from";
  return [[strong(exactPercent(mean)), plain(` ${verb} ${own} on average`)]];
}

/** The token exactly as given, where its label leaves something out. */
function spelledOut(frame: Frame, tokens: readonly number[]): Span[][] {
  return [...new Set(tokens)].flatMap((index) => {
    const { raw, label, special } = frame.tokens[index]!;
    const members = frame.members[index] ?? [];
    if (members.length > 1)
      return [[quiet(`${members.length} pieces, tokens ${members[0]} to ${members.at(-1)}`)]];
    if (special || raw === label || raw.replace(/^(##|Ġ|▁)/, "") === label.replace(/^-/, ""))
      return [];
    const shown = raw.length > RAW_LENGTH ? `${raw.slice(0, RAW_LENGTH)}…` : raw;
    return [
      [
        quiet(
          `token ${members[0] ?? index}: ${raw === "" ? "empty" : JSON.stringify(shown).slice(1, -1)}`,
        ),
      ],
    ];
  });
}
