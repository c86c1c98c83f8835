/** The weights of the file: the twin of `Attention`, as far as the numbers need it. */

import type { Heads } from "../model";

/** Codes of the file are float32 numbers cut to 11 significant bits: `htmldata.py` has the rule. */
const SHIFT = 13;
/** Exponents below 2^-63 are not kept; code 0 is exactly 0. */
const BASE = 64 << 10;

/** What each of the 65536 codes stands for. */
export function codeTable(scale: number): Float32Array {
  const bits = new Uint32Array(65536);
  for (let code = 1; code < bits.length; code++) bits[code] = (code + BASE) << SHIFT;
  const table = new Float32Array(bits.buffer);
  for (let code = 1; code < table.length; code++) table[code]! *= scale;
  return table;
}

/** What was asked is not in the file; the message says so and what is. */
export class NotInFile extends Error {}

export interface Shape {
  layers: number;
  heads: number;
  n: number;
}

/** What the tokens of a block may read: `baseline.py` has the meaning. */
export interface Mask {
  /** [first, after the last]; the others keep to themselves. */
  queries: readonly [number, number];
  keys: readonly [number, number];
  behind: number;
  ahead: number;
}

export class StoredAttention {
  readonly layers: number;
  readonly heads: number;
  readonly n: number;
  readonly tokens: readonly string[];
  readonly special: readonly number[];
  readonly masks: readonly Mask[];
  /** The fusion of the heads that alone is kept; null where every head is. */
  readonly only: Heads | null;
  readonly #codes: Uint16Array;
  readonly #table: Float32Array;

  constructor(
    codes: Uint16Array,
    scale: number,
    { layers, heads, n }: Shape,
    about: {
      tokens: readonly string[];
      special: readonly number[];
      masks: readonly Mask[];
      only: Heads | null;
    },
  ) {
    this.layers = layers;
    this.heads = heads;
    this.n = n;
    this.tokens = about.tokens;
    this.special = about.special;
    this.masks = about.masks;
    this.only = about.only;
    this.#codes = codes;
    this.#table = codeTable(scale);
  }

  /** Rows = queries, columns = keys; row-major. Fills `out` and returns it. */
  map(block: number, head: number, out: Float64Array): Float64Array {
    if (this.only !== null) {
      throw new NotInFile("The heads one by one are not in this file. It keeps them fused.");
    }
    return this.#decode(block * this.heads + head, out);
  }

  /** The map of the only fusion that is kept. */
  fused(block: number, out: Float64Array): Float64Array {
    return this.#decode(block, out);
  }

  #decode(place: number, out: Float64Array): Float64Array {
    const table = this.#table;
    const from = place * this.n * this.n;
    const codes = this.#codes.subarray(from, from + this.n * this.n);
    for (let i = 0; i < codes.length; i++) out[i] = table[codes[i]!]!;
    return out;
  }
}
