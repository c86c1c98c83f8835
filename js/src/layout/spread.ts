/** Keeps labels apart along a line. Pure. */

/**
 * Positions at least `gap` apart, in the given order, as near to `wanted` as can be (least
 * squares) and within [low, high] where they fit. `wanted` must be ascending.
 */
export function spread(
  wanted: readonly number[],
  gap: number,
  low: number,
  high: number,
): number[] {
  // With positions y_i = z_i + i * gap the task is isotonic regression: pool adjacent violators.
  const blocks: { sum: number; count: number }[] = [];
  for (let i = 0; i < wanted.length; i++) {
    blocks.push({ sum: wanted[i]! - i * gap, count: 1 });
    while (blocks.length > 1) {
      const last = blocks[blocks.length - 1]!;
      const previous = blocks[blocks.length - 2]!;
      if (previous.sum / previous.count <= last.sum / last.count) break;
      previous.sum += last.sum;
      previous.count += last.count;
      blocks.pop();
    }
  }
  const highest = Math.max(low, high - (wanted.length - 1) * gap);
  const positions: number[] = [];
  for (const { sum, count } of blocks) {
    const z = Math.min(highest, Math.max(low, sum / count));
    for (let i = 0; i < count; i++) positions.push(z + positions.length * gap);
  }
  return positions;
}

/** Of the candidates, strongest first, those that keep `gap` from all kept before; ascending. */
export function keepApart(
  candidates: readonly number[],
  position: (index: number) => number,
  gap: number,
  limit = Number.POSITIVE_INFINITY,
): number[] {
  const kept: number[] = [];
  for (const candidate of candidates) {
    if (kept.length >= limit) break;
    const at = position(candidate);
    if (kept.every((other) => Math.abs(position(other) - at) >= gap)) kept.push(candidate);
  }
  return kept.sort((a, b) => a - b);
}
