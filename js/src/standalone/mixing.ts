/** Fuse heads, drop, normalise, mix in the residual: the twin of `mixing.py`. */

import type { Heads } from "../model";
import { NotInFile, type StoredAttention } from "./attention";

/** One map a block, the lowest first; row-major, rows = queries; rows sum to 1. */
export type Maps = readonly Float64Array[];

export interface Fused {
  maps: Maps;
  /** [block, query] of every row that had no mass left and keeps to itself; rising. */
  emptyRows: readonly (readonly [number, number])[];
}

export interface Fusion {
  levels: readonly [number, number];
  heads: Heads;
  top_head: number | null;
  drop: readonly number[];
}

export function fuse(attention: StoredAttention, fusion: Fusion): Fused {
  const { n } = attention;
  const [start, stop] = fusion.levels;
  const scratch = new Float64Array(n * n);
  const maps: Float64Array[] = [];
  const emptyRows: [number, number][] = [];
  for (let block = start; block < stop; block++) {
    const top = block === stop - 1 && fusion.top_head !== null;
    const map = fuseHeads(attention, block, top ? fusion.top_head! : fusion.heads, scratch);
    for (const key of fusion.drop) {
      for (let query = 0; query < n; query++) map[query * n + key] = 0;
    }
    const [from, to] = attention.masks[block]!.queries;
    for (const row of normaliseRows(map, n)) {
      // Who keeps to itself by design is no news.
      if (row >= from && row < to) emptyRows.push([block, row]);
    }
    maps.push(map);
  }
  return { maps, emptyRows };
}

/** Maps of even attention under the same masks: what rollout shows where there is nothing to see. */
export function evenMaps(attention: StoredAttention, { levels, drop }: Fusion): Fused {
  const { n } = attention;
  const maps = attention.masks.slice(...levels).map(({ queries, keys, behind, ahead }) => {
    const map = new Float64Array(n * n);
    for (let query = queries[0]; query < queries[1]; query++) {
      for (let key = keys[0]; key < keys[1]; key++) {
        const distance = query - queries[0] - (key - keys[0]);
        if (distance <= behind && distance >= -ahead) map[query * n + key] = 1;
      }
    }
    for (const key of drop) for (let query = 0; query < n; query++) map[query * n + key] = 0;
    normaliseRows(map, n);
    return map;
  });
  return { maps, emptyRows: [] };
}

function fuseHeads(
  attention: StoredAttention,
  block: number,
  heads: Heads,
  scratch: Float64Array,
): Float64Array {
  const { only } = attention;
  if (only !== null) {
    if (JSON.stringify(only) === JSON.stringify(heads)) {
      return attention.fused(block, new Float64Array(scratch.length));
    }
    const kept =
      typeof only === "number"
        ? `head ${only}`
        : typeof only === "string"
          ? `the ${only} of all heads`
          : `the mean of heads ${only.join(", ")}`;
    throw new NotInFile(
      `Other heads are not in this file. It keeps ${kept} alone; save_html(…) keeps them all.`,
    );
  }
  const chosen =
    typeof heads === "number"
      ? [heads]
      : Array.isArray(heads)
        ? heads
        : Array.from({ length: attention.heads }, (_, head) => head);
  const fused = attention.map(block, chosen[0]!, new Float64Array(scratch.length));
  for (const head of chosen.slice(1)) {
    const one = attention.map(block, head, scratch);
    if (heads === "max")
      for (let i = 0; i < one.length; i++) fused[i] = Math.max(fused[i]!, one[i]!);
    else if (heads === "min")
      for (let i = 0; i < one.length; i++) fused[i] = Math.min(fused[i]!, one[i]!);
    else for (let i = 0; i < one.length; i++) fused[i]! += one[i]!;
  }
  if (heads !== "max" && heads !== "min" && chosen.length > 1) {
    for (let i = 0; i < fused.length; i++) fused[i]! /= chosen.length;
  }
  return fused;
}

/** Scale each row to sum 1, in place; rows without mass become identity rows, returned. */
function normaliseRows(map: Float64Array, n: number): number[] {
  const empty: number[] = [];
  for (let query = 0; query < n; query++) {
    const row = map.subarray(query * n, (query + 1) * n);
    let sum = 0;
    for (let key = 0; key < n; key++) sum += row[key]!;
    if (sum === 0) {
      row[query] = 1;
      empty.push(query);
    } else for (let key = 0; key < n; key++) row[key]! /= sum;
  }
  return empty;
}

/** `(1 - residual) * W_b + residual * I`, one residual or one a block. */
export function mixResidual(maps: Maps, residual: number | readonly number[]): Float64Array[] {
  return maps.map((map, block) => {
    const share = typeof residual === "number" ? residual : residual[block]!;
    const n = Math.sqrt(map.length);
    const mixed = map.map((weight) => weight * (1 - share));
    for (let token = 0; token < n; token++) mixed[token * (n + 1)]! += share;
    return mixed;
  });
}
