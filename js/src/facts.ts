/** The facts at the right of the sentence. Pure. */
import { headsName, LONG_TEXT, layersName, listed, residualName, type TokenText } from "./format";
import type { Frame } from "./frame";

/** What the numbers belong to: only what differs from the default, and the residual. */
export function facts(frame: Frame): string[] {
  const { method, levels, heads, topHead, residual, residualPerLayer, n } = frame;
  const [start, stop] = levels;
  const attention = method === "attention";
  const parts: string[] = [method];
  if (attention || start !== 0 || stop !== frame.nLayers) parts.push(layersName(method, levels));
  if (heads !== "mean") parts.push(headsName(heads));
  if (!attention) {
    if (frame.even) parts.push("against even attention");
    if (topHead !== null) parts.push(`head ${topHead} in layer ${stop}`);
    parts.push(residualName(residualPerLayer ?? residual));
  }
  if (n > LONG_TEXT) parts.push(`${n} tokens`);
  return parts;
}

/** What a reader must know of what is not in the picture; said at every width. */
export function notices(frame: Frame): string[] {
  const parts: string[] = [];
  const dropped = [...frame.dropped].map((place) => frame.tokens[place]!);
  // What is both is out of the graph first of all.
  if (frame.dropSpecial && frame.hidden.length > 0) dropped.push(...frame.hidden);
  if (dropped.length > 0) parts.push(`${namesOf(dropped)} dropped`);
  if (frame.hidden.length > 0) parts.push(`${namesOf(frame.hidden)} hidden`);
  if (frame.mergeWords && frame.hasPieces) parts.push("pieces merged into words");
  if (frame.note !== "") parts.push(frame.note);
  return parts;
}

function namesOf(tokens: readonly TokenText[]): string {
  const names = [...new Set(tokens.map(({ label }) => label))];
  return names.length > 3 ? `${tokens.length} tokens` : listed(names);
}
