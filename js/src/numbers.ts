/** Sums, greatest values and lists by index, as every layout and sentence needs them. Pure. */

/** The sum of numbers, or of a number for each item. */
export function sum<T>(items: ArrayLike<T>, of: (item: T) => number = Number): number {
  let total = 0;
  for (let i = 0; i < items.length; i++) total += of(items[i]!);
  return total;
}

/** The largest of some numbers, and `least` if none is larger; NaN is passed over. By index: a drag
 * asks for that of a whole matrix at every frame. */
export function largest(values: ArrayLike<number>, least = 0): number {
  let most = least;
  for (let i = 0; i < values.length; i++) if (values[i]! > most) most = values[i]!;
  return most;
}

/** A list of `length` items, each made from its index. */
export function listOf<T>(length: number, make: (index: number) => T): T[] {
  return Array.from({ length }, (_, index) => make(index));
}
