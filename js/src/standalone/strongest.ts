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

/** Positions of the k largest numbers, rising; of equal ones the first. */
export function largest(values: Float64Array, k: number): number[] {
  if (k >= values.length) return Array.from(values, (_, i) => i);
  const least = kthLargest(values.slice(), k);
  let equal = k;
  for (const value of values) if (value > least) equal--;
  const found: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i]! > least || (values[i] === least && equal-- > 0)) found.push(i);
  }
  return found;
}
