/**
 * Built-in functions and objects under names of their own, which a minifier can shorten: `build.mjs`
 * puts them where the sources say `Math.max` or `document`, hundreds of times.
 */
export const {
  max: bare_max,
  min: bare_min,
  abs: bare_abs,
  round: bare_round,
  floor: bare_floor,
  ceil: bare_ceil,
  sqrt: bare_sqrt,
  hypot: bare_hypot,
  log2: bare_log2,
  sign: bare_sign,
} = Math;
export const { from: bare_from, isArray: bare_isArray } = Array;
export const { stringify: bare_stringify } = JSON;
export const { entries: bare_entries, keys: bare_keys } = Object;
export const {
  POSITIVE_INFINITY: bare_POSITIVE_INFINITY,
  NEGATIVE_INFINITY: bare_NEGATIVE_INFINITY,
} = globalThis.Number;
export const {
  Float64Array: bare_Float64Array,
  Uint32Array: bare_Uint32Array,
  Int32Array: bare_Int32Array,
  Uint8ClampedArray: bare_Uint8ClampedArray,
  String: bare_String,
  Number: bare_Number,
  document: bare_document,
  getComputedStyle: bare_getComputedStyle,
  requestAnimationFrame: bare_requestAnimationFrame,
  cancelAnimationFrame: bare_cancelAnimationFrame,
  setTimeout: bare_setTimeout,
  clearTimeout: bare_clearTimeout,
  window: bare_window,
  WeakMap: bare_WeakMap,
} = globalThis;
const clock = globalThis.performance;
export const bare_now = (): number => clock.now();
