/** Every head, small, with its entropy: the twin of `headmaps.py`. */
import type { StoredAttention } from "./attention";
import { kthLargest } from "./strongest";

/** Most rows and columns of a small map; longer texts are averaged down to it. */
const MAP_SIZE = 48;
/** What a small map's darkest colour stands for, so that a sink does not blank out the rest. */
const TOP_PERCENTILE = 0.985;

export interface SmallMaps {
  side: number;
  /** (layers, heads, side, side): 255 is the top of the map and above. */
  maps: Uint8Array;
  tops: Float64Array;
  /** Mean entropy of the rows in bits. */
  entropy: Float64Array;
}

export function headMaps(attention: StoredAttention): SmallMaps {
  const { layers, heads, n } = attention;
  const side = Math.min(n, MAP_SIZE);
  const count = layers * heads;
  const maps = new Uint8Array(count * side * side);
  const [tops, entropy] = [new Float64Array(count), new Float64Array(count)];
  const scratch = new Float64Array(n * n);
  for (let index = 0; index < count; index++) {
    const weights = attention.map(Math.floor(index / heads), index % heads, scratch);
    entropy[index] = rowEntropy(weights, n);
    const small = shrink(weights, n, side);
    const top = percentile(small, TOP_PERCENTILE) || small.reduce((a, b) => Math.max(a, b), 0);
    tops[index] = top;
    const at = index * side * side;
    for (let i = 0; i < small.length; i++) {
      maps[at + i] = Math.round(255 * Math.min(small[i]! / (top > 0 ? top : 1), 1));
    }
  }
  return { side, maps, tops, entropy };
}

function rowEntropy(weights: Float64Array, n: number): number {
  let bits = 0;
  for (const weight of weights) if (weight > 0) bits -= weight * Math.log2(weight);
  return Math.max(0, bits / n);
}

/** Mean over near-square patches; a map that is small enough stays as it is. */
function shrink(weights: Float64Array, n: number, side: number): Float64Array {
  if (n === side) return weights;
  const edge = (index: number): number => (index === side ? n : Math.floor((index * n) / side));
  const placeOf = new Int32Array(n);
  for (let place = 0; place < side; place++) placeOf.fill(place, edge(place), edge(place + 1));
  const small = new Float64Array(side * side);
  for (let query = 0; query < n; query++) {
    const row = placeOf[query]! * side;
    for (let key = 0; key < n; key++) small[row + placeOf[key]!]! += weights[query * n + key]!;
  }
  return small.map((sum, i) => {
    const [row, column] = [Math.floor(i / side), i % side];
    return sum / ((edge(row + 1) - edge(row)) * (edge(column + 1) - edge(column)));
  });
}

/** With the gap between two numbers filled linearly. */
function percentile(values: Float64Array, share: number): number {
  const at = share * (values.length - 1);
  const below = Math.floor(at);
  const scratch = values.slice();
  const low = kthLargest(scratch, values.length - below);
  if (below === at) return low;
  const high = kthLargest(scratch, values.length - below - 1);
  return low + (at - below) * (high - low);
}
