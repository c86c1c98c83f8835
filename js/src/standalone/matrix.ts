/** The shown rollout matrix: at once where that is quick, row by row in the background where not. */
import type { Analysis } from "./analysis";
import { Memory } from "./analysis";
import type { Maps } from "./mixing";
import { matrixTerms, rolloutRows } from "./rollout";
import { fusionKey, isPolynomial, keyOf, type Settings } from "./settings";

/** Multiplications that pass unnoticed at every step of a drag: about 10 ms. */
const QUICK = 12e6;
/** Multiplications that a residual is worth that moves: every step after the first is free. */
const WORTH = 60e6;
/** Multiplications after which the page is given a breath. */
const SLICE = 12e6;

/** Where a growing matrix stands. */
export interface Growing {
  done: number;
  of: number;
}

export class RolloutMatrix {
  readonly #analysis: Analysis;
  readonly #terms = new Memory<Float64Array>();
  readonly #whole = new Memory<Float64Array>();

  /** The last wish, and the fusion whose residual has been seen to move. */
  #asked: Settings | null = null;
  #moving = "";

  constructor(analysis: Analysis) {
    this.#analysis = analysis;
  }

  /** Equal keys, equal terms: a matrix in terms is the same one at every residual. */
  ask(settings: Settings): string {
    const fusion = fusionKey(settings);
    const last = this.#asked;
    if (last !== null && fusionKey(last) === fusion && last.residual !== settings.residual) {
      this.#moving = fusion;
    }
    this.#asked = settings;
    return this.#key(settings);
  }

  #key(settings: Settings): string {
    return this.#inTerms(settings) ? fusionKey(settings) : keyOf(settings);
  }

  /** (degree + 1, n, n) terms, or null where they take long: then `grow` them. */
  now(settings: Settings): Float64Array | null {
    const { n } = this.#analysis.attention;
    if (this.#inTerms(settings)) {
      return this.#terms.get(this.#key(settings), () =>
        matrixTerms(this.#analysis.fuse(settings).maps, n),
      );
    }
    const maps = this.#analysis.maps(settings);
    if (costOf(maps, n) > QUICK) return null;
    return this.whole(settings);
  }

  /** The matrix itself, however long it takes. */
  whole(settings: Settings): Float64Array {
    const { n } = this.#analysis.attention;
    return this.#whole.get(keyOf(settings), () =>
      rolloutRows(this.#analysis.maps(settings), n, 0, n),
    );
  }

  /** The matrix in steps; after each the page may draw, and may want something else. */
  *grow(settings: Settings): Generator<Growing, Float64Array> {
    const { n } = this.#analysis.attention;
    const maps = this.#analysis.maps(settings);
    const rows = Math.max(1, Math.floor((SLICE * n) / costOf(maps, n)));
    const matrix = new Float64Array(n * n);
    for (let from = 0; from < n; from += rows) {
      const to = Math.min(n, from + rows);
      matrix.set(rolloutRows(maps, n, from, to), from * n);
      yield { done: to, of: n };
    }
    return this.#whole.get(keyOf(settings), () => matrix);
  }

  /** Where the terms cost no more than one product does elsewhere, every residual is free. */
  #inTerms(settings: Settings): boolean {
    const [start, stop] = settings.levels;
    const products = ((stop - start) * (stop - start + 1)) / 2;
    const cost = products * this.#analysis.attention.n ** 3;
    const enough = this.#moving === fusionKey(settings) ? WORTH : QUICK;
    return isPolynomial(settings) && cost <= enough;
  }
}

function costOf(maps: Maps, n: number): number {
  return Math.max(1, maps.length - 1) * n ** 3;
}
