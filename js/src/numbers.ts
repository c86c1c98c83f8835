/** Sums, greatest values and lists by index, as every layout and sentence needs them. Pure. */

/** The sum of numbers, or of a number for each item. */
export function sum<T>(items: Iterable<T>, of: (item: T) => number = Number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}

/** The largest of some numbers, and `least` if none is larger; NaN is passed over. */
export function largest(values: Iterable<number>, least = 0): number {
  let most = least;
  for (const value of values) if (value > most) most = value;
  return most;
}

/** A list of `length` items, each made from its index. */
export function listOf<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}
