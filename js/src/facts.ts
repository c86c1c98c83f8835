/** The facts at the right of the sentence. Pure. */
import { headsText, LONG_TEXT, levelRange, listed, type TokenText } from "./format";
import type { Frame } from "./frame";

/** What the numbers belong to: only what differs from the default, and the residual. */
export function facts(frame: Frame): string[] {
  const [start, stop] = frame.levels;
  const parts: string[] = [frame.method];
  if (frame.method === "attention") parts.push(`layer ${stop}`);
  else if (start !== 0 || stop !== frame.nLayers) parts.push(`layers ${levelRange(start, stop)}`);
  const { heads } = frame;
  if (typeof heads === "number") parts.push(`head ${heads}`);
  else if (Array.isArray(heads))
    parts.push(heads.length > 3 ? headsText(heads) : `heads ${headsText(heads)}`);
  else if (heads !== "mean") parts.push(`${heads} of heads`);
  if (frame.topHead !== null && frame.method !== "attention") {
    parts.push(`head ${frame.topHead} in layer ${stop}`);
  }
  if (frame.method !== "attention") {
    parts.push(
      frame.residualPerLayer === null
        ? `residual ${frame.residual.toFixed(2)}`
        : "residual per layer",
    );
  }
  if (frame.n > LONG_TEXT) parts.push(`${frame.n} tokens`);
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
