/**
 * Functions of `Math` under names that a minifier can shorten: `build.mjs` puts them where the
 * sources say `Math.max`, hundreds of times.
 */
export const {
  max: mathMax,
  min: mathMin,
  abs: mathAbs,
  round: mathRound,
  floor: mathFloor,
  ceil: mathCeil,
  sqrt: mathSqrt,
} = Math;
