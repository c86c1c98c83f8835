/**
 * What the views see as tokens: pieces merged into words, special tokens left out. Pure.
 *
 * Merging comes after rollout or flow: columns are summed, rows averaged, so that the rows of a
 * rollout still sum to 1. Hiding takes rows, columns, discs and edges out of the view and changes
 * no figure. A "place" is an index into what is shown, a token one into what the kernel knows.
 */
import { displayToken, displayTokens, type TokenText } from "./format";
import type { Binding, GraphNode, Words } from "./model";
import { sum } from "./numbers";
import { ascending, type BlockEdges, divided, isDown, type Trace } from "./trace";

export interface Grouping {
  tokens: TokenText[];
  special: ReadonlySet<number>;
  /** The tokens of each place, rising. */
  members: readonly (readonly number[])[];
  /** The place of each token; -1 where it is hidden. */
  placeOf: Int32Array;
  /** The hidden ones, as they would be shown. */
  hidden: readonly TokenText[];
  /** Every token is a place of its own: nothing has to be done. */
  plain: boolean;
}

/** `words`: merge into these, or null; `hide`: tokens that are left out. */
export function groupTokens(
  raws: readonly string[],
  special: ReadonlySet<number>,
  words: Words | null,
  hide: ReadonlySet<number>,
): Grouping {
  const pieces = displayTokens(raws, special);
  const members: number[][] = [];
  const wordOf: number[] = [];
  for (let token = 0; token < raws.length; token++) {
    const word = words === null ? token : words.of_token[token]!;
    const known = wordOf.at(-1) === word ? members.at(-1) : undefined;
    if (known !== undefined) known.push(token);
    else {
      members.push([token]);
      wordOf.push(word);
    }
  }
  const isHidden = (group: readonly number[]) => group.every((token) => hide.has(token));
  const text = (group: readonly number[], index: number): TokenText => {
    const first = pieces[group[0]!]!;
    if (words === null || group.length === 1) return first;
    const label = words.labels[wordOf[index]!]!;
    return { ...displayToken(label, first.special), spaceBefore: first.spaceBefore, piece: false };
  };
  const texts = members.map(text);
  const kept = members.flatMap((group, index) => (isHidden(group) ? [] : [index]));
  const placeOf = new Int32Array(raws.length).fill(-1);
  for (const [place, index] of kept.entries()) {
    for (const token of members[index]!) placeOf[token] = place;
  }
  const shown = kept.map((index) => members[index]!);
  return {
    tokens: kept.map((index) => texts[index]!),
    special: new Set([...special].map((token) => placeOf[token]!).filter((place) => place >= 0)),
    members: shown,
    placeOf,
    hidden: members.flatMap((group, index) => (isHidden(group) ? [texts[index]!] : [])),
    plain: shown.length === raws.length,
  };
}

/** Tokens to places: each once, the hidden ones left out. */
export function placesOf(tokens: readonly number[], { placeOf }: Grouping): number[] {
  return [...new Set(tokens.map((token) => placeOf[token] ?? -1))].filter((place) => place >= 0);
}

export function nodesToPlaces(nodes: readonly GraphNode[], { placeOf }: Grouping): GraphNode[] {
  const seen = new Set<string>();
  return nodes.flatMap(([level, token]): GraphNode[] => {
    const place = placeOf[token] ?? -1;
    const key = `${level} ${place}`;
    if (place < 0 || seen.has(key)) return [];
    seen.add(key);
    return [[level, place]];
  });
}

/** A node of a word stands for the nodes of all its tokens. */
export function nodesToTokens(nodes: readonly GraphNode[], { members }: Grouping): GraphNode[] {
  return nodes.flatMap(([level, place]) =>
    (members[place] ?? []).map((token): GraphNode => [level, token]),
  );
}

/** (n, n) of tokens to (m, m) of places: columns summed, rows averaged. NaN stays NaN. */
export function groupMatrix(values: Float64Array, grouping: Grouping): Float64Array {
  const { members, placeOf, plain } = grouping;
  if (plain) return values;
  const n = placeOf.length;
  const m = members.length;
  const merged = new Float64Array(m * m);
  for (const [row, queries] of members.entries()) {
    for (const query of queries) {
      for (let key = 0; key < n; key++) {
        const column = placeOf[key]!;
        if (column >= 0) merged[row * m + column]! += values[query * n + key]! / queries.length;
      }
    }
  }
  return merged;
}

function summed(values: Float64Array, { members }: Grouping): Float64Array {
  return Float64Array.from(members, (tokens) => sum(tokens, (token) => values[token]!));
}

/** Edges between the same two places become one; those that touch what is hidden leave. */
function groupBlock(
  edges: BlockEdges,
  grouping: Grouping,
  above: Float64Array,
  scratch: Float64Array,
): BlockEdges {
  const { placeOf, members } = grouping;
  const m = members.length;
  const met: number[] = [];
  // What flows from shown queries, less what goes to hidden keys: the mass that can be drawn.
  let mass = sum(above);
  for (let e = 0; e < edges.value.length; e++) {
    const query = placeOf[edges.query[e]!]!;
    const key = placeOf[edges.key[e]!]!;
    const value = edges.value[e]!;
    if (query < 0) continue;
    if (key < 0) {
      mass -= value;
      continue;
    }
    const at = query * m + key;
    if (scratch[at] === 0) met.push(at);
    scratch[at]! += value;
  }
  const found = Float64Array.from(met, (at) => scratch[at]!);
  for (const at of met) scratch[at] = 0;
  const order = ascending(found);
  return {
    block: edges.block,
    query: Int32Array.from(order, (i) => Math.floor(met[i]! / m)),
    key: Int32Array.from(order, (i) => met[i]! % m),
    value: Float64Array.from(order, (i) => found[i]!),
    mass: Math.max(0, mass),
  };
}

/** Edges between places, those of one place and another joined; without those to what is hidden. */
function groupEdges<T extends Trace["context"][number]>(
  edges: readonly T[],
  { placeOf }: Grouping,
  join?: (known: T, one: T) => void,
): T[] {
  const merged = new Map<string, T>();
  for (const edge of edges) {
    const { block, query, key } = edge;
    const [reader, read] = [placeOf[query]!, placeOf[key]!];
    if (reader < 0 || read < 0) continue;
    const name = `${block} ${reader} ${read}`;
    const known = merged.get(name);
    if (known === undefined) merged.set(name, { ...edge, query: reader, key: read });
    else join?.(known, edge);
  }
  return [...merged.values()];
}

function groupBindings(bindings: readonly Binding[], { members }: Grouping): Binding[] {
  return members.map((tokens) => {
    const first = bindings[tokens[0]!]!;
    // A sum of flows is limited by one thing only if each of them is.
    return tokens.every((token) => bindings[token] === first) ? first : "unknown";
  });
}

/**
 * A trace between places. Masses and edges of a word are those of its tokens summed. Relevance for
 * a source is summed over the tokens of a key and averaged over those of the source; relevance
 * for a sink is averaged over the tokens of an output.
 */
export function groupTrace(trace: Trace, grouping: Grouping): Trace {
  if (grouping.plain) {
    if (trace.even === null) return trace;
    return { ...trace, relevance: divided(trace.relevance, trace.even) };
  }
  const { members } = grouping;
  const sources = trace.sources && placesOf(trace.sources, grouping);
  const sinks = trace.sinks && placesOf(trace.sinks, grouping);
  // A source is one unit however many tokens it has.
  const unit = trace.sources?.length ? (sources?.length ?? 0) / trace.sources.length : 1;
  const down = isDown(trace);
  const merged = (values: Float64Array) =>
    summed(values, grouping).map(
      (value, place) => value * (down ? unit : 1 / members[place]!.length),
    );
  const relevance = merged(trace.relevance);
  const even = trace.even === null ? null : merged(trace.even);
  const nodes = trace.nodes.map((masses) => summed(masses, grouping));
  const scratch = new Float64Array(members.length ** 2);
  return {
    ...trace,
    n: members.length,
    sources,
    sinks,
    nodes,
    blocks: trace.blocks.map((edges, i) => groupBlock(edges, grouping, nodes[i + 1]!, scratch)),
    context: groupEdges(trace.context, grouping),
    total: trace.flow === null ? trace.total * unit : trace.total,
    relevance: divided(relevance, even),
    even,
    flow: trace.flow && {
      ...trace.flow,
      cut: groupEdges(trace.flow.cut, grouping, (known, { capacity }) => {
        known.capacity += capacity;
      }),
      sourceSide: trace.flow.sourceSide.map((side) =>
        Uint8Array.from(members, (tokens) => Math.min(...tokens.map((token) => side[token]!))),
      ),
    },
    relevanceBinding: trace.relevanceBinding && groupBindings(trace.relevanceBinding, grouping),
  };
}

/** Binding of a cell between places; null where its tokens disagree. */
export function groupBinding(
  at: (query: number, key: number) => Binding | null,
  { members }: Grouping,
  query: number,
  key: number,
): Binding | null {
  const found = new Set<Binding | null>();
  for (const reader of members[query] ?? []) {
    for (const read of members[key] ?? []) found.add(at(reader, read));
  }
  const [first] = found;
  return found.size === 1 ? (first ?? null) : null;
}
