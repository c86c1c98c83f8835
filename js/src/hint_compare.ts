/** What the tooltip says of a difference: A minus B, and both figures. Pure. */
import { type Difference, exactSigned } from "./compare";
import { exactFlow, exactPercent, quoted } from "./format";
import type { Frame } from "./frame";
import type { Hover } from "./hover";
import { levelWords, plain, quiet, type Span, strong } from "./phrases";

export function differenceHint(frame: Frame, difference: Difference, target: Hover): Span[][] {
  const { flow, n, values, relevance, a, b } = difference;
  const name = (token: number) => quoted(frame.tokens[token]!);
  const exact = flow ? exactFlow : exactPercent;
  const both = (one: number, other: number): Span[] => [
    quiet(`A ${exact(one)}, B ${exact(other)}`),
  ];
  switch (target.kind) {
    case "cell": {
      const { query, key } = target;
      const at = query * n + key;
      const of = query === key ? "itself" : name(key);
      return [
        [strong(exactSigned(values[at]!, flow)), plain(` of ${name(query)} from ${of}`)],
        both(a.matrix.values[at]!, b.matrix.values[at]!),
      ];
    }
    case "edge": {
      const { query, key, block, value } = target;
      const way =
        query === key
          ? ` stays with ${name(query)} in layer ${block + 1}`
          : ` goes from ${name(key)} to ${name(query)} in layer ${block + 1}`;
      return [[strong(exactSigned(value, flow)), plain(way)]];
    }
    case "node": {
      const { level, token } = target;
      const where = `${name(token)} at ${levelWords(level)}`;
      const value = difference.nodes[level - difference.start]?.[token];
      if (value === undefined) return [[plain(where)]];
      return [[strong(exactSigned(value, flow)), plain(` passes ${where}`)]];
    }
    case "input":
    case "output": {
      const { token } = target;
      const side = target.kind === "input" ? "down" : "up";
      if (relevance === null || difference.direction !== side) return [];
      const joint = side === "down" ? "from" : "of";
      return [[strong(exactSigned(relevance[token]!, flow)), plain(` ${joint} ${name(token)}`)]];
    }
    case "column": {
      const mean = difference.columnMeans?.[target.token];
      if (mean === undefined) return [];
      return [[strong(exactSigned(mean, flow)), plain(` from ${name(target.token)} on average`)]];
    }
  }
}
