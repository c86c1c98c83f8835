/**
 * Built-in functions under names of their own, which a minifier can shorten: `build.mjs` puts them
 * where the sources say `Math.max`, hundreds of times.
 */
export const {
  max: bare_max,
  min: bare_min,
  abs: bare_abs,
  round: bare_round,
  floor: bare_floor,
  ceil: bare_ceil,
  sqrt: bare_sqrt,
} = Math;
export const { from: bare_from, isArray: bare_isArray } = Array;
export const { stringify: bare_stringify } = JSON;
export const { entries: bare_entries } = Object;
export const {
  POSITIVE_INFINITY: bare_POSITIVE_INFINITY,
  NEGATIVE_INFINITY: bare_NEGATIVE_INFINITY,
} = Number;
export const bare_Float64Array = globalThis.Float64Array;
