/** The facts at the right of the sentence. Pure. */
import { headsText, LONG_TEXT, levelRange } from "./format";
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
