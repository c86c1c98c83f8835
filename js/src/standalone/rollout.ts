/** Products of layer maps, whole, by one row or column, or in the residual: the twin of
 * `rollout.py`. Row-major typed arrays, float64. */
import type { Maps } from "./mixing";

/**
 * Add `left @ right` to `out`: `rows` rows of n numbers times an (n, n) map. Four rows of `right`
 * at a time, so that each number of `out` is read and written once for four products.
 */
export function multiply(
  left: Float64Array,
  right: Float64Array,
  out: Float64Array,
  rows: number,
  n: number,
): void {
  const even = n - (n % 4);
  for (let row = 0; row < rows; row++) {
    const at = row * n;
    for (let k = 0; k < even; k += 4) {
      const a = left[at + k]!;
      const b = left[at + k + 1]!;
      const c = left[at + k + 2]!;
      const d = left[at + k + 3]!;
      // Above the diagonal of a causal map there is nothing.
      if (a === 0 && b === 0 && c === 0 && d === 0) continue;
      const [ra, rb, rc, rd] = [k * n, (k + 1) * n, (k + 2) * n, (k + 3) * n];
      for (let j = 0; j < n; j++) {
        out[at + j]! +=
          a * right[ra + j]! + b * right[rb + j]! + c * right[rc + j]! + d * right[rd + j]!;
      }
    }
    for (let k = even; k < n; k++) {
      const a = left[at + k]!;
      if (a === 0) continue;
      for (let j = 0; j < n; j++) out[at + j]! += a * right[k * n + j]!;
    }
  }
}

/** Rows `from` to `to` of the product of the maps, the top one on the left. */
export function rolloutRows(maps: Maps, n: number, from: number, to: number): Float64Array {
  let product = maps.at(-1)!.slice(from * n, to * n);
  for (let block = maps.length - 2; block >= 0; block--) {
    const next = new Float64Array(product.length);
    multiply(product, maps[block]!, next, to - from, n);
    product = next;
  }
  return product;
}

/** Masses at the top pushed down: one vector a level, the lowest first. */
export function massesDown(maps: Maps, weights: Float64Array): Float64Array[] {
  const masses = [weights];
  for (let block = maps.length - 1; block >= 0; block--) {
    const out = new Float64Array(weights.length);
    multiply(masses[0]!, maps[block]!, out, 1, weights.length);
    masses.unshift(out);
  }
  return masses;
}

/** Weights at the bottom pulled up: one vector a level, the lowest first. */
export function massesUp(maps: Maps, weights: Float64Array): Float64Array[] {
  const masses = [weights];
  for (const map of maps) masses.push(timesVectors(map, masses.at(-1)!, weights.length));
  return masses;
}

/** `map @ v` for each of the stacked vectors v of n numbers. */
function timesVectors(map: Float64Array, vectors: Float64Array, n: number): Float64Array {
  const out = new Float64Array(vectors.length);
  for (let first = 0; first < vectors.length; first += n) {
    for (let query = 0; query < n; query++) {
      let sum = 0;
      for (let key = 0; key < n; key++) sum += map[query * n + key]! * vectors[first + key]!;
      out[first + query] = sum;
    }
  }
  return out;
}

// With one residual r for every block, a = 1 - r and D blocks, a product of the (a W_b + r I) is
// sum_k a^k r^(D-k) C_k; one more block W: C_k <- C_k + C_{k-1} W.

/** The rollout matrix as a polynomial in the residual: (blocks + 1, n, n). */
export function matrixTerms(maps: Maps, n: number): Float64Array {
  const size = n * n;
  const terms = new Float64Array((maps.length + 1) * size);
  for (let token = 0; token < n; token++) terms[token * (n + 1)] = 1;
  for (let degree = 0; degree < maps.length; degree++) {
    const map = maps[maps.length - 1 - degree]!;
    const known = terms.slice(0, (degree + 1) * size);
    multiply(known, map, terms.subarray(size, (degree + 2) * size), (degree + 1) * n, n);
  }
  return terms;
}

/** `massesDown` as polynomials: at d blocks below the top (d + 1, n) numbers, the lowest first. */
export function downTerms(maps: Maps, weights: Float64Array): Float64Array[] {
  const n = weights.length;
  const levels = [weights];
  for (let block = maps.length - 1; block >= 0; block--) {
    const known = levels[0]!;
    const longer = new Float64Array(known.length + n);
    longer.set(known);
    multiply(known, maps[block]!, longer.subarray(n), known.length / n, n);
    levels.unshift(longer);
  }
  return levels;
}

/** `massesUp` as polynomials: at d blocks above the bottom (d + 1, n) numbers, lowest first. */
export function upTerms(maps: Maps, weights: Float64Array): Float64Array[] {
  const n = weights.length;
  const levels = [weights];
  for (const map of maps) {
    const known = levels.at(-1)!;
    const longer = new Float64Array(known.length + n);
    longer.set(known);
    const stepped = timesVectors(map, known, n);
    for (let i = 0; i < stepped.length; i++) longer[n + i]! += stepped[i]!;
    levels.push(longer);
  }
  return levels;
}

/** Terms of n numbers each at one residual. */
export function evaluateAt(terms: Float64Array, n: number, residual: number): Float64Array {
  const degree = terms.length / n - 1;
  const out = new Float64Array(n);
  for (let k = 0; k <= degree; k++) {
    const factor = (1 - residual) ** k * residual ** (degree - k);
    if (factor === 0) continue;
    for (let i = 0; i < n; i++) out[i]! += factor * terms[k * n + i]!;
  }
  return out;
}
