/** The scales that a reader can choose for the matrix's colours. Pure. */
import type { ColorScale } from "../model";
import { largest, listOf } from "../numbers";
import { matrixScale, niceCeiling, type Scale } from "./scale";

/** How many times smaller than the top a value may be and still differ from nothing. */
const LOG_REACH = 1000;

function scaled(max: number, shape: (share: number) => number): Scale {
  return {
    knee: max,
    max,
    t: (value) => (max > 0 ? shape(Math.min(1, Math.max(0, value) / max)) : 0),
  };
}

const SHAPES: Record<Exclude<ColorScale, "words">, (share: number) => number> = {
  linear: (share) => share,
  sqrt: Math.sqrt,
  log: (share) => Math.log1p(LOG_REACH * share) / Math.log1p(LOG_REACH),
};

/** The scale of a whole matrix. */
export function colorScale(
  kind: ColorScale,
  values: Float64Array,
  n: number,
  special: ReadonlySet<number>,
  flow: boolean,
  most = 1,
): Scale {
  if (kind === "words") return matrixScale(values, n, special, flow, most);
  const top = Math.min(most, niceCeiling(largest(values)));
  return scaled(flow ? Math.max(top, 1) : top, SHAPES[kind]);
}

/** One scale a row, each up to the row's own largest value. */
export function rowScales(kind: ColorScale, values: Float64Array, n: number): Scale[] {
  const shape = kind === "words" ? SHAPES.linear : SHAPES[kind];
  return listOf(n, (row) => {
    return scaled(largest(values.subarray(row * n, (row + 1) * n)), shape);
  });
}
