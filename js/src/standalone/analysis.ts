/** Answers about one attention, with their caches: the twin of `analysis.py`. */
import type { WireArray } from "../wire";
import type { StoredAttention } from "./attention";
import { type Fused, fuse, type Maps, mixResidual } from "./mixing";
import { massesDown, massesUp } from "./rollout";
import { fusionKey, isEmpty, isForward, keyOf, type Selection, type Settings } from "./settings";

/** Results kept: enough to step back and forth between a few settings. */
const REMEMBERED = 8;

/** Remembers the newest answers by their key. */
export class Memory<T> {
  readonly #known = new Map<string, T>();

  get(key: string, make: () => T): T {
    const known = this.#known.get(key) ?? make();
    this.#known.delete(key);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= REMEMBERED) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}

export class Analysis {
  readonly attention: StoredAttention;
  readonly #fused = new Memory<Fused>();
  readonly #maps = new Memory<Maps>();
  readonly #contexts = new Memory<WireArray>();

  readonly #fuse: typeof fuse;

  /** `fuseWith`: where the layer maps come from; by default the heads of the attention. */
  constructor(attention: StoredAttention, fuseWith: typeof fuse = fuse) {
    this.attention = attention;
    this.#fuse = fuseWith;
  }

  /** Layer maps before the residual, and the rows that had no mass left. */
  fuse(settings: Settings): Fused {
    return this.#fused.get(fusionKey(settings), () => this.#fuse(this.attention, settings));
  }

  /** Layer maps; the attention method has no residual in it. */
  maps(settings: Settings): Maps {
    const { maps } = this.fuse(settings);
    if (settings.method === "attention") return maps;
    const key = fusionKey(settings) + JSON.stringify(settings.residual);
    return this.#maps.get(key, () => mixResidual(maps, settings.residual));
  }

  /** The same for every selection, so it is worth remembering. */
  context(settings: Settings, make: () => WireArray): WireArray {
    return this.#contexts.get(keyOf(settings), make);
  }

  /** Of maps over the shown levels, those that a trace between the selection's ends passes. */
  between(maps: Maps, settings: Settings, { start, stop }: Selection): Maps {
    const [first] = settings.levels;
    return maps.slice(start - first, stop - first);
  }

  /** The two factors of a walk's node masses, one vector a level. */
  masses(settings: Settings, selection: Selection): [Float64Array[], Float64Array[]] {
    const maps = this.between(this.maps(settings), settings, selection);
    const [top, bottom] = startMasses(selection, this.attention.n);
    if (settings.method === "attention") return directMasses(maps, top, bottom, selection);
    return [massesDown(maps, top), massesUp(maps, bottom)];
  }

  /** One number a token: the mean row of the sources, or the column of the sinks. Not of flow. */
  relevance(settings: Settings, selection: Selection): Float64Array {
    const { n } = this.attention;
    if (settings.method === "attention" && isEmpty(selection)) {
      return meanRow(this.maps(settings).at(-1)!, n);
    }
    const forward = isForward(selection);
    // A pair is asked for the whole row of its source: the sink is one entry of it.
    const asked = forward ? selection : { ...selection, sinks: null };
    const [down, up] = this.masses(settings, asked);
    if (settings.method === "attention") return forward ? up[1]! : down.at(-2)!;
    return forward ? up.at(-1)! : down[0]!;
  }

  /** What each head carries of the selection's walk, (blocks, heads); rows sum to 1. */
  headShares(settings: Settings, selection: Selection): Float64Array {
    const { n, heads, special } = this.attention;
    const maps = this.between(this.maps(settings), settings, selection);
    const [top, bottom] = startMasses(selection, n);
    const down = massesDown(maps, top);
    // From sources alone every head takes the same mass: what counts is what it brings from other
    // words.
    const words = new Float64Array(n).fill(1);
    for (const token of [...special, ...(selection.sources ?? [])]) words[token] = 0;
    const up = selection.sinks === null ? maps.map(() => words) : massesUp(maps, bottom);
    const shares = new Float64Array(maps.length * heads).fill(1 / heads);
    const scratch = new Float64Array(n * n);
    for (const block of maps.keys()) {
      const carried = Array.from({ length: heads }, (_, head) =>
        between(
          down[block + 1]!,
          this.attention.map(selection.start + block, head, scratch),
          up[block]!,
        ),
      );
      const total = carried.reduce((a, b) => a + b, 0);
      if (total > 0)
        shares.set(
          carried.map((value) => value / total),
          block * heads,
        );
    }
    return shares;
  }
}

/** `left @ map @ right`. */
function between(left: Float64Array, map: Float64Array, right: Float64Array): number {
  const n = left.length;
  let total = 0;
  for (let query = 0; query < n; query++) {
    if (left[query] === 0) continue;
    let sum = 0;
    for (let key = 0; key < n; key++) sum += map[query * n + key]! * right[key]!;
    total += left[query]! * sum;
  }
  return total;
}

export function meanRow(matrix: ArrayLike<number>, n: number): Float64Array {
  const mean = new Float64Array(n);
  for (let i = 0; i < matrix.length; i++) mean[i % n]! += matrix[i]! / n;
  return mean;
}

/** The masses that a walk starts from: at the top, and at the bottom. */
export function startMasses(selection: Selection, n: number): [Float64Array, Float64Array] {
  const [top, bottom] = [new Float64Array(n).fill(1), new Float64Array(n).fill(1)];
  const { sources, sinks } = selection;
  if (!isForward(selection)) {
    if (sources === null) top.fill(1 / n);
    else {
      top.fill(0);
      for (const token of sources) top[token] = 1 / sources.length;
    }
  }
  if (sinks !== null) {
    bottom.fill(0);
    for (const token of sinks) bottom[token] = 1;
  }
  return [top, bottom];
}

/** Raw attention goes one layer and no further: each block starts anew. */
function directMasses(
  maps: Maps,
  top: Float64Array,
  bottom: Float64Array,
  selection: Selection,
): [Float64Array[], Float64Array[]] {
  const n = top.length;
  const blocks = maps.length;
  const levels = (): Float64Array[] =>
    Array.from({ length: blocks + 1 }, () => new Float64Array(n));
  const [down, up] = [levels(), levels()];
  const ones = new Float64Array(n).fill(1);
  if (isEmpty(selection)) return [down.map(() => top), up.map(() => bottom)];
  if (isForward(selection)) {
    [down[0], up[0]] = [massesDown([maps[0]!], ones)[0]!, bottom];
    [down[1], up[1]] = [top, massesUp([maps[0]!], bottom)[1]!];
    return [down, up];
  }
  const below = blocks === 1 ? bottom : ones;
  const last = maps[blocks - 1]!;
  [down[blocks], up[blocks]] = [top, massesUp([last], below)[1]!];
  [down[blocks - 1], up[blocks - 1]] = [massesDown([last], top)[0]!, below];
  return [down, up];
}
