/** What the tooltip says about the thing under the pointer, with exact numbers. Pure. */
import { differenceOf, exactSigned } from "./compare";
import { exactFlow, exactPercent, quoted } from "./format";
import type { Frame } from "./frame";
import type { Hover } from "./hover";
import { type Binding, isFlow, type Method } from "./model";
import { cut, levelWords, named, quiet, type Span, say, strong } from "./phrases";
import { isPair } from "./trace";

/** Longest raw token that a tooltip spells out. */
const RAW_LENGTH = 200;

/** Lines of the tooltip; none when there is nothing to say. */
export function hint(frame: Frame): Span[][] {
  const target = frame.hovered?.target;
  if (target === undefined) return [];
  const tokens = "token" in target ? [target.token] : [target.query, target.key];
  // A hover may outlive the tokens it was about.
  if (tokens.some((token) => frame.tokens[token] === undefined)) return [];
  const lines = words(frame, target).map((spans) => named(spans, frame.blocks));
  return [...lines, ...spelledOut(frame, tokens)];
}

function words(frame: Frame, target: Hover): Span[][] {
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

/** A figure of the graph: what differs between two pictures, or what the one trace carries. */
function figure(frame: Frame, value: number): Span {
  const difference = differenceOf(frame);
  if (difference !== null) return strong(exactSigned(value, difference.flow));
  return strong(exact(isFlow(frame.trace), value));
}

function exact(flow: boolean, value: number): string {
  return flow ? exactFlow(value) : exactPercent(value);
}

/** "8.82 % of 'it' comes from 'big'", in the words of the method; of a flow also its limit. */
function relation(
  even: boolean,
  method: Method,
  value: number,
  [query, key]: readonly [string, string],
  limit: string,
): Span[][] {
  if (Number.isNaN(value)) return [[quiet("still computing")]];
  if (even) {
    const times = strong(`${exactFlow(value)}\u00a0times`);
    return [say`${times} what even attention gives ${query} from ${key}`];
  }
  const share = strong(exact(method === "flow", value));
  if (method === "attention") return [say`${share} of ${query}’s attention goes to ${key}`];
  if (method !== "flow") return [say`${share} of ${query} comes from ${key}`];
  const line = say`${share} at most from ${key} to ${query}`;
  return limit === "" ? [line] : [line, [quiet(`limited by ${limit}`)]];
}

function limitOf(binding: Binding | null | undefined, query: string, key: string): string {
  const limits: Partial<Record<Binding, string>> = {
    interior: "edges between them",
    source: `what ${query} can draw`,
    sink: `what ${key} gives on`,
    both: "both ends",
  };
  return limits[binding ?? "none"] ?? "";
}

function cell(frame: Frame, query: number, key: number): Span[][] {
  const difference = differenceOf(frame);
  const [reader, own] = [name(frame, query), name(frame, key)];
  const read = query === key ? "itself" : own;
  if (difference !== null) {
    const { flow, n, values, a, b } = difference;
    const at = query * n + key;
    const [one, other] = [a, b].map(({ matrix }) => exact(flow, matrix.values[at]!));
    return [
      say`${figure(frame, values[at]!)} of ${reader} from ${read}`,
      [quiet(`A ${one}, B ${other}`)],
    ];
  }
  const { matrix } = frame;
  if (matrix === null || query >= matrix.n || key >= matrix.n) return [];
  const limit = limitOf(matrix.bindingAt(query, key), reader, own);
  return relation(
    frame.even,
    matrix.method,
    matrix.values[query * matrix.n + key]!,
    [reader, read],
    limit,
  );
}

function edge(frame: Frame, { block, query, key, value }: Extract<Hover, { kind: "edge" }>) {
  const [reader, read] = [name(frame, query), name(frame, key)];
  const way = query === key ? `stays with ${reader}` : `goes from ${read} to ${reader}`;
  const lines = [say`${figure(frame, value)}${wholeOf(frame)} ${way} in ${levelWords(block + 1)}`];
  if (frame.comparison !== null) return lines;
  const full = frame.trace?.flow?.cut.find(
    (one) => one.block === block && one.query === query && one.key === key,
  );
  if (full !== undefined) {
    const holds = quiet(` · holds ${exactFlow(full.capacity)}`);
    lines.push([cut("full, part of the cut"), holds]);
  }
  return lines;
}

/** What the shares of a trace are shares of; differences are in points of their own. */
function wholeOf(frame: Frame): string {
  const { trace } = frame;
  if (trace === null || frame.comparison !== null) return "";
  const { method, flow, sources, sinks } = trace;
  if (method === "flow") return flow === null ? "" : ` of ${exactFlow(flow.value)}`;
  if (isPair(trace)) return " of what they share";
  const ends = sources ?? sinks;
  return ends === null ? " of the mean" : ` of ${names(frame, ends)}`;
}

function node(frame: Frame, level: number, token: number): Span[][] {
  const drawn = differenceOf(frame) ?? frame.trace;
  const where = `${name(frame, token)} at ${levelWords(level)}`;
  const mass = drawn?.nodes[level - drawn.start]?.[token];
  if (!mass) return [say`${where}`];
  return [say`${figure(frame, mass)}${wholeOf(frame)} passes ${where}`];
}

/** A label at one of the two sides. */
function end(frame: Frame, token: number, side: "down" | "up"): Span[][] {
  const difference = differenceOf(frame);
  const { trace } = frame;
  const own = name(frame, token);
  // Without a number there is nothing that the label does not say.
  if (difference !== null) {
    const { relevance, direction } = difference;
    if (relevance === null || direction !== side) return [];
    return [say`${figure(frame, relevance[token]!)} ${side === "down" ? "from" : "of"} ${own}`];
  }
  if (trace === null || trace.direction !== side) return [];
  const ends = side === "down" ? trace.sources : trace.sinks;
  const other = ends === null ? "an output token" : names(frame, ends);
  const self = ends?.length === 1 && ends[0] === token ? "itself" : null;
  const down = side === "down";
  const binding = trace.relevanceBinding?.[token];
  const limit = down ? limitOf(binding, other, own) : limitOf(binding, own, other);
  const value = trace.relevance[token] ?? Number.NaN;
  return relation(
    frame.even,
    trace.method,
    value,
    down ? [other, self ?? own] : [own, self ?? other],
    limit,
  );
}

function column(frame: Frame, token: number): Span[][] {
  const difference = differenceOf(frame);
  const own = name(frame, token);
  if (difference !== null) {
    const mean = difference.columnMeans?.[token];
    return mean === undefined ? [] : [say`${figure(frame, mean)} from ${own} on average`];
  }
  const { matrix } = frame;
  if (matrix === null || token >= matrix.n) return [];
  const { method, n, values } = matrix;
  let mean = 0;
  for (let query = 0; query < n; query++) mean += values[query * n + token]! / n;
  if (Number.isNaN(mean)) return [say`${own}`];
  const verb = {
    flow: "at most from",
    attention: "of the attention goes to",
    rollout: "of an output token comes from",
  }[method];
  if (frame.even)
    return [say`${strong(`${exactFlow(mean)}\u00a0times`)} the even share of ${own} on average`];
  return [say`${strong(exact(method === "flow", mean))} ${verb} ${own} on average`];
}

/** The token exactly as given, where its label leaves something out. */
function spelledOut(frame: Frame, tokens: readonly number[]): Span[][] {
  return [...new Set(tokens)].flatMap((index): Span[][] => {
    const { raw, label, special } = frame.tokens[index]!;
    const members = frame.members[index] ?? [];
    const [first = index] = members;
    if (members.length > 1) {
      return [[quiet(`${members.length} pieces, tokens ${first} to ${members.at(-1)}`)]];
    }
    const plain = raw === label || raw.replace(/^(##|Ġ|▁)/, "") === label.replace(/^-/, "");
    if (special || plain) return [];
    const shown = raw.length > RAW_LENGTH ? `${raw.slice(0, RAW_LENGTH)}…` : raw;
    const spelled = raw === "" ? "empty" : JSON.stringify(shown).slice(1, -1);
    return [[quiet(`token ${first}: ${spelled}`)]];
  });
}
