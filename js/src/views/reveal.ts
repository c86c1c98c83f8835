/** A new trace comes in block by block from where it starts. */
import { listOf } from "../numbers";
import type { Trace } from "../trace";

const STAGGER_MS = 40;
const BLOCK_MS = 160;
const TOTAL_MS = 400;

/** cubic-bezier(.2, 0, 0, 1) at a share of the time. */
export function ease(share: number): number {
  if (share <= 0) return 0;
  if (share >= 1) return 1;
  let low = 0;
  let high = 1;
  for (let i = 0; i < 20; i++) {
    const t = (low + high) / 2;
    if (3 * (1 - t) * (1 - t) * t * 0.2 + t * t * t < share) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return 3 * (1 - t) * t * t + t * t * t;
}

/** How far each block of a trace has come in, 0 to 1, `elapsed` ms after it began. */
export function revealed(elapsed: number, blocks: number, direction: "down" | "up"): number[] {
  const stagger = blocks > 1 ? Math.min(STAGGER_MS, (TOTAL_MS - BLOCK_MS) / (blocks - 1)) : 0;
  return listOf(blocks, (index) => {
    const turn = direction === "down" ? blocks - 1 - index : index;
    return ease((elapsed - turn * stagger) / BLOCK_MS);
  });
}

/** Traces with the same key are one trace under another setting, and are redrawn at once. */
export function traceKey(trace: Trace | null): string {
  if (trace === null) return "";
  return JSON.stringify([trace.method, trace.sources, trace.sinks]);
}
