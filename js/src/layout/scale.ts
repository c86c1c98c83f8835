/** The matrix's two-part colour scale: words set the lower part, sinks the upper. Pure. */

export interface Scale {
  /** Up to `knee` linear over the first 74 % of the colours; from there to `max` over the rest.
   * Where both are the same, linear over all of them. */
  knee: number;
  max: number;
  t(value: number): number;
}

const KNEE_T = 0.74;

export function twoPartScale(knee: number, max: number): Scale {
  const top = Math.max(knee, max);
  return {
    knee,
    max: top,
    t: (value) => {
      if (top <= knee) return knee > 0 ? Math.min(1, Math.max(0, value) / knee) : 0;
      if (value <= knee) return knee > 0 ? (KNEE_T * Math.max(0, value)) / knee : 0;
      return Math.min(1, KNEE_T + ((1 - KNEE_T) * (value - knee)) / (top - knee));
    },
  };
}

const NICE = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

/** Round up to 1, 1.5, 2, 3, 4, 5, 6, 8 or 10 times a power of ten. */
export function niceCeiling(value: number): number {
  if (!(value > 0)) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  // 1e-9: a value that is itself a nice number must not move up by rounding.
  const step = NICE.find((nice) => nice * power >= value * (1 - 1e-9)) ?? 10;
  return Number((step * power).toPrecision(2));
}

/** The value at `rank` in ascending order; reorders `values`. A drag asks for it every frame. */
export function nthSmallest(values: Float64Array, rank: number): number {
  let low = 0;
  let high = values.length - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i > j) break;
      const swapped = values[i]!;
      values[i++] = values[j]!;
      values[j--] = swapped;
    }
    if (rank <= j) high = j;
    else if (rank >= i) low = i;
    else break;
  }
  return values[rank]!;
}

/**
 * `knee` is the 99th percentile of the word-to-word cells off the diagonal, `max` the largest
 * cell, so that CLS, SEP and the diagonal do not drown the words.
 */
export function matrixScale(
  values: Float64Array,
  n: number,
  special: ReadonlySet<number>,
  flow: boolean,
  most = 1,
): Scale {
  const words = new Float64Array(values.length);
  let count = 0;
  let largest = 0;
  for (let query = 0; query < n; query++) {
    const specialRow = special.has(query);
    for (let key = 0; key < n; key++) {
      const value = values[query * n + key]!;
      if (Number.isNaN(value)) continue;
      if (value > largest) largest = value;
      if (query !== key && !specialRow && !special.has(key)) words[count++] = value;
    }
  }
  const rank = Math.min(count - 1, Math.floor(0.99 * count));
  const percentile = count === 0 ? largest : nthSmallest(words.subarray(0, count), rank);
  const max = Math.min(most, niceCeiling(largest));
  const knee = Math.min(niceCeiling(percentile) || max, max);
  return twoPartScale(knee, flow ? Math.max(max, 1) : max);
}
