/** The strongest of many numbers. */

/** The k-th largest of the numbers, 1 <= k <= length; reorders `values`. Expected linear time. */
export function kthLargest(values: Float64Array, k: number): number {
  const wanted = values.length - k;
  let [low, high] = [0, values.length - 1];
  while (low < high) {
    const pivot = values[(low + high) >> 1]!;
    let [i, j] = [low, high];
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (values[j]! > pivot) j--;
      if (i <= j) {
        const kept = values[i]!;
        values[i] = values[j]!;
        values[j] = kept;
        i++;
        j--;
      }
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return values[wanted]!;
}

/** One in so many numbers tells where the large ones begin. */
const SAMPLED = 16;

/** Some of the numbers, at least k, and all that are as large as the k-th largest. */
function candidates(values: Float64Array, k: number): Float64Array {
  const sample = new Float64Array(Math.floor(values.length / SAMPLED));
  for (let i = 0; i < sample.length; i++) sample[i] = values[i * SAMPLED]!;
  // Half as many again, so that the sample is rarely wrong.
  const place = Math.ceil((1.5 * k) / SAMPLED) + 4;
  if (place > sample.length / 2) return values.slice();
  const least = kthLargest(sample, place);
  const found = new Float64Array(values.length);
  let count = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i]! >= least) found[count++] = values[i]!;
  }
  return count >= k ? found.subarray(0, count) : values.slice();
}

/** Positions of the k largest numbers, rising; of equal ones the first. */
export function largest(values: Float64Array, k: number): number[] {
  if (k >= values.length) return Array.from(values, (_, i) => i);
  const least = kthLargest(candidates(values, k), k);
  let equal = k;
  for (let i = 0; i < values.length; i++) if (values[i]! > least) equal--;
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > least || (values[i] === least && equal-- > 0)) found.push(i);
  }
  return found;
}
