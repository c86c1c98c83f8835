/** From the synced and the ephemeral state to a frame; what has not changed is not derived again. */
import type { Theme } from "./color";
import { displayToken, type TokenText } from "./format";
import {
  type ComparedView,
  type Frame,
  type HeadsView,
  type ImageView,
  type MatrixView,
  type SharesView,
  sizeOf,
  type ViewState,
} from "./frame";
import { colorScale, rowScales } from "./layout/colorscale";
import type { Scale } from "./layout/scale";
import { heightFor } from "./layout/zones";
import {
  type Grouping,
  groupBinding,
  groupMatrix,
  groupTokens,
  groupTrace,
  nodesToPlaces,
  placesOf,
} from "./merge";
import {
  BINDINGS,
  type Binding,
  type ColorScale,
  type Compared,
  type GraphNode,
  type HeadMaps,
  type HeadShares,
  isFlow,
  type Model,
  type Picture,
  type Pin,
  type Progress,
  type ShownMatrix,
  type ShownTrace,
  type WidgetState,
  type Words,
} from "./model";
import { listOf, sum } from "./numbers";
import { divided, evaluateMatrix, evaluateTrace, type Trace } from "./trace";
import { decode, type WireArray } from "./wire";

type Maybe<T> = T | Record<string, never>;

/** The last answer for the last question; questions are compared by identity. */
class Remembered<T> {
  #key: readonly unknown[] | null = null;
  #value: T | null = null;

  get(key: readonly unknown[], make: () => T): T {
    if (this.#key === null || !same(this.#key, key)) {
      this.#value = make();
      this.#key = key;
    }
    return this.#value as T;
  }
}

/** Whether the residual is being dragged. */
export interface Moving {
  readonly moving: boolean;
  step(): void;
}

/** Remembers what the last frame derived, so that a hover costs no numerics. */
export class FrameBuilder {
  readonly #model: Model;
  readonly #pace: Moving | null;
  readonly #groups = new Remembered<Grouping>();
  readonly #specialSet = new Remembered<ReadonlySet<number>>();
  readonly #hide = new Remembered<ReadonlySet<number>>();
  readonly #selected = new Remembered<GraphNode[]>();
  readonly #dropped = new Remembered<ReadonlySet<number>>();
  readonly #values = new Remembered<Float64Array>();
  readonly #even = new Remembered<Float64Array | null>();
  readonly #matrix = new Remembered<MatrixView>();
  readonly #evaluated = new Remembered<Trace>();
  readonly #trace = new Remembered<Trace>();
  readonly #readers = new Remembered<readonly TokenText[]>();
  readonly #pixels = new Remembered<ImageView["pixels"]>();
  readonly #image = new Remembered<ImageView>();
  readonly #headMaps = new Remembered<HeadsView>();
  readonly #headShares = new Remembered<SharesView>();
  readonly #comparison = new Remembered<Frame["comparison"]>();
  /** The colours' scale, what it is for, and what it would be if it were made now. */
  #scaled: { about: readonly unknown[]; scale: Scale; fit: () => Scale } | null = null;
  #settled = 0;
  #grouping: Grouping = groupTokens([], new Set(), null, new Set());

  /** `pace`: of the residual's drag, during which the colours keep their scale. */
  constructor(model: Model, pace: Moving | null = null) {
    this.#model = model;
    this.#pace = pace;
  }

  /** After a drag: whether the colours have to be drawn on another scale than they are. */
  settle(): boolean {
    const { knee, max } = this.#scaled?.scale ?? {};
    const fitted = this.#scaled?.fit();
    if (fitted?.knee === knee && fitted?.max === max) return false;
    this.#scaled = null;
    this.#settled++;
    return true;
  }

  /** How tokens and what is shown of them belong together, as of the last frame. */
  get grouping(): Grouping {
    return this.#grouping;
  }

  build(view: ViewState, theme: Theme): Frame {
    const model = this.#model;
    const given = model.get("residual");
    const perLayer = Array.isArray(given) ? given : null;
    const residual = perLayer === null ? (given as number) : sum(perLayer) / perLayer.length;
    const grouping = this.#readTokens();
    this.#grouping = grouping;
    const [special, selected, drop] = [
      model.get("special"),
      model.get("selected"),
      model.get("drop"),
    ];
    const words = present<Words>(model.get("words"), "of_token");
    const matrix = this.#readMatrix(residual);
    const comparison = this.#readComparison();
    return {
      width: view.width,
      height: view.screen ?? heightFor(model.get("height"), grouping.tokens.length),
      size: sizeOf(view.width),
      tab: view.tab,
      theme,
      tokens: grouping.tokens,
      readers: this.#readReaders(grouping),
      blocks: model.get("blocks"),
      members: grouping.members,
      special: grouping.special,
      hidden: grouping.hidden,
      dropped: this.#dropped.get(
        [drop, grouping],
        () =>
          new Set(
            placesOf(drop, grouping).filter((place) =>
              grouping.members[place]!.every((token) => drop.includes(token)),
            ),
          ),
      ),
      image: this.#readImage(grouping),
      overlay: model.get("overlay"),
      overlayOpacity: model.get("overlay_opacity"),
      n: grouping.tokens.length,
      nLayers: model.get("n_layers"),
      nHeads: model.get("n_heads"),
      method: model.get("method"),
      levels: model.get("levels"),
      heads: model.get("heads"),
      fusion: view.fusion,
      topHead: model.get("top_head"),
      residual,
      residualPerLayer: perLayer,
      massShown: model.get("mass_shown"),
      baseline: model.get("baseline") !== null,
      even: matrix?.even === true && comparison === null,
      colorScale: model.get("color_scale"),
      scaleRows: model.get("scale_rows"),
      mergeWords: model.get("merge_words"),
      hasPieces: words !== null && words.labels.length < words.of_token.length,
      hasSpecial: special.length > 0,
      hideSpecial: model.get("hide_special"),
      dropSpecial: special.length > 0 && special.every((token) => drop.includes(token)),
      headsOpen: model.get("heads_open"),
      headMaps: this.#readHeadMaps(present<HeadMaps>(model.get("head_maps"), "maps")),
      headShares: this.#readHeadShares(present<HeadShares>(model.get("head_shares"), "shares")),
      pins: model.get("pins"),
      compared: pairOf(model.get("compared")),
      comparison,
      selected: grouping.plain
        ? selected
        : this.#selected.get([selected, grouping], () => nodesToPlaces(selected, grouping)),
      matrix,
      trace: this.#readTrace(residual, matrix),
      hovered: view.hovered,
      note: model.get("note"),
      progress: present<Progress>(model.get("progress"), "text"),
      error: view.localError || model.get("error"),
    };
  }

  #readTokens(): Grouping {
    const model = this.#model;
    const [raws, special] = [model.get("tokens"), model.get("special")];
    const set = this.#specialSet.get([special], () => new Set(special));
    const merge = model.get("merge_words");
    const words = merge ? present<Words>(model.get("words"), "of_token") : null;
    const wire = present<ShownTrace>(model.get("shown_trace"), "edges");
    const selected = model.get("selected");
    const hide = this.#hide.get(
      [model.get("hide_special"), special, selected, wire],
      // What is traced is never hidden: a selection has to be seen.
      () => {
        const traced = [
          ...selected.map(([, token]) => token),
          ...(wire?.sources ?? []),
          ...(wire?.sinks ?? []),
        ];
        return new Set(
          model.get("hide_special") ? special.filter((token) => !traced.includes(token)) : [],
        );
      },
    );
    // The set is made anew with each selection, the grouping only if its content has changed.
    const fitting = words !== null && words.of_token.length === raws.length ? words : null;
    const picture = present<Picture>(model.get("picture"), "grid");
    return this.#groups.get([raws, set, fitting, [...hide].join(), picture], () => {
      const made = groupTokens(raws, set, fitting, hide);
      for (const place of picture === null ? [] : patchesOf(picture, made)) {
        const token = made.tokens[place];
        if (token !== undefined) token.patch = true;
      }
      return made;
    });
  }

  #readReaders(grouping: Grouping): readonly TokenText[] {
    const produced = this.#model.get("produced");
    if (produced.length !== grouping.placeOf.length) return grouping.tokens;
    return this.#readers.get([produced, grouping], () =>
      grouping.tokens.map((token, place) => {
        // The state of a word's last piece produced what comes after the word.
        const next = produced[grouping.members[place]!.at(-1)!];
        if (next == null) return token;
        return { ...token, label: `${token.label} → ${displayToken(next, false).label}` };
      }),
    );
  }

  #readImage(grouping: Grouping): ImageView | null {
    const wire = present<Picture>(this.#model.get("picture"), "grid");
    if (wire === null) return null;
    const [rows, columns] = wire.grid;
    // While other tokens are on their way.
    if (wire.first + rows * columns > grouping.placeOf.length) return null;
    const pixels = this.#pixels.get([wire], () => (wire.image === null ? null : rgba(wire.image)));
    return this.#image.get([wire, grouping], () => {
      const last = wire.first + rows * columns;
      const others = grouping.members.flatMap((tokens, place) =>
        tokens.every((token) => token < wire.first || token >= last) ? [place] : [],
      );
      return { rows, columns, places: patchesOf(wire, grouping), others, pixels };
    });
  }

  #readMatrix(residual: number): MatrixView | null {
    const wire = present<ShownMatrix>(this.#model.get("shown_matrix"), "terms");
    const grouping = this.#grouping;
    // While new tokens are on their way, the numbers of the old ones must not meet them.
    if (wire === null || wire.terms.shape[1] !== grouping.placeOf.length) return null;
    const key = [wire, wire.terms.shape[0] === 1 ? null : residual];
    const values = this.#values.get(key, () => evaluateMatrix(wire, residual));
    const even = this.#even.get(key, () =>
      wire.even == null ? null : evaluateMatrix({ terms: wire.even }, residual),
    );
    const kind = this.#model.get("color_scale");
    const rows = this.#model.get("scale_rows");
    return this.#matrix.get([wire, values, grouping, kind, rows, this.#settled], () => {
      const about = [
        ...[wire.method, ...wire.levels, grouping, kind],
        ...(["heads", "top_head", "drop"] as const).map((name) => this.#model.get(name)),
        even === null,
      ];
      // Cells of a flow come in one by one, and ask for a scale each time.
      const held = wire.method === "rollout" && this.#pace?.moving === true ? this.#scaled : null;
      const scale = held !== null && same(held.about, about) ? held.scale : null;
      const view = viewOf(wire, values, grouping, kind, rows, scale, even);
      const fit = () => scaleOf(wire, view.values, grouping, kind);
      this.#scaled = { about, scale: view.scale, fit };
      this.#pace?.step();
      return view;
    });
  }

  #readTrace(residual: number, matrix: MatrixView | null): Trace | null {
    const wire = present<ShownTrace>(this.#model.get("shown_trace"), "edges");
    const grouping = this.#grouping;
    if (wire === null || wire.down.shape[1] !== grouping.placeOf.length) return null;
    const key = [wire, wire.polynomial || wire.mixed ? residual : null];
    const trace = this.#evaluated.get(key, () => evaluateTrace(wire, residual));
    return this.#trace.get([trace, grouping, trace.flow || grouping.plain ? null : matrix], () =>
      withMatrixRow(groupTrace(trace, grouping), trace, matrix),
    );
  }

  #readHeadMaps(wire: HeadMaps | null): HeadsView | null {
    if (wire === null) return null;
    return this.#headMaps.get([wire], () => ({
      side: wire.maps.shape[2]!,
      maps: decode(wire.maps, "uint8"),
      tops: decode(wire.tops, "float32"),
      entropy: decode(wire.entropy, "float32"),
    }));
  }

  #readHeadShares(wire: HeadShares | null): SharesView | null {
    if (wire === null) return null;
    return this.#headShares.get([wire], () => {
      const [blocks, heads] = wire.shares.shape as [number, number];
      const all = decode(wire.shares, "float32");
      return {
        start: wire.levels[0],
        shares: listOf(blocks, (b) => all.subarray(b * heads, (b + 1) * heads)),
      };
    });
  }

  #readComparison(): Frame["comparison"] {
    const model = this.#model;
    const wire = present<{ a: Compared; b: Compared }>(model.get("shown_comparison"), "a");
    const pair = pairOf(model.get("compared"));
    const pins = model.get("pins");
    if (wire === null || pair === null) return null;
    const [a, b] = pair.map((index) => pins[index]);
    const grouping = this.#grouping;
    const n = wire.a.matrix.terms.shape[1];
    if (a === undefined || b === undefined || n !== grouping.placeOf.length) return null;
    const kind = model.get("color_scale");
    return this.#comparison.get([wire, a, b, grouping, kind], () => {
      // Each was evaluated at its own residual by the kernel, so that none is left to mix in.
      const view = (pin: Pin, { matrix, trace }: Compared): ComparedView => {
        const made = viewOf(matrix, evaluateMatrix(matrix, 0), grouping, kind, false);
        const found = evaluateTrace(trace, 0);
        return {
          pin,
          matrix: made,
          trace: withMatrixRow(groupTrace(found, grouping), found, made),
        };
      };
      return { a: view(a, wire.a), b: view(b, wire.b) };
    });
  }
}

function scaleOf(
  wire: ShownMatrix,
  values: Float64Array,
  { members, special }: Grouping,
  kind: ColorScale,
): Scale {
  const most = wire.even == null ? 1 : Number.POSITIVE_INFINITY;
  return colorScale(kind, values, members.length, special, isFlow(wire), most);
}

function viewOf(
  wire: ShownMatrix,
  tokens: Float64Array,
  grouping: Grouping,
  kind: ColorScale,
  ownRows: boolean,
  held: Scale | null = null,
  even: Float64Array | null = null,
): MatrixView {
  const values = divided(groupMatrix(tokens, grouping), even && groupMatrix(even, grouping));
  const n = grouping.members.length;
  const scale = held ?? scaleOf(wire, values, grouping, kind);
  const rows = ownRows ? rowScales(kind, values, n) : null;
  const size = grouping.placeOf.length;
  const codes = wire.binding === null ? null : decode(wire.binding, "uint8");
  const bindingAt = (query: number, key: number): Binding | null => {
    const code = codes?.[query * size + key];
    return code === undefined ? null : (BINDINGS[code] ?? null);
  };
  return {
    method: wire.method,
    n,
    rowLevel: wire.levels[1],
    columnLevel: wire.levels[0],
    values,
    even: even !== null,
    scale,
    scaleOf: (query) => rows?.[query] ?? scale,
    bindingAt: grouping.plain
      ? bindingAt
      : (query, key) => groupBinding(bindingAt, grouping, query, key),
  };
}

/** The place of each patch. */
function patchesOf({ first, grid }: Picture, { placeOf }: Grouping): number[] {
  return Array.from(placeOf.subarray(first, first + grid[0] * grid[1]));
}

/** Bytes of an image, grey or in colour, as an image's pixels. */
function rgba(image: WireArray): NonNullable<ImageView["pixels"]> {
  const [rows, columns, channels = 1] = image.shape as [number, number, number?];
  const bytes = decode(image, "uint8");
  const pixels = new Uint8ClampedArray(4 * rows * columns).fill(255);
  for (let i = 0; i < rows * columns; i++) {
    for (let c = 0; c < 3; c++) pixels[4 * i + c] = bytes[channels * i + (c % channels)]!;
  }
  return { pixels, columns, rows };
}

/**
 * The flow of a word to each input is the mean row of its tokens, as in the matrix. The kernel
 * sends the flow of the tokens together, which is less than their sum.
 */
function withMatrixRow(grouped: Trace, trace: Trace, matrix: MatrixView | null): Trace {
  const [source] = grouped.sources ?? [];
  const merged = (trace.sources?.length ?? 0) > 1 && grouped.sources?.length === 1;
  const fits =
    matrix !== null &&
    isFlow(matrix) &&
    isFlow(trace) &&
    matrix.rowLevel === trace.stop &&
    matrix.columnLevel === trace.start;
  if (!merged || !fits || source === undefined) return grouped;
  const row = matrix.values.subarray(source * matrix.n, (source + 1) * matrix.n);
  return { ...grouped, relevance: Float64Array.from(row) };
}

/** What the kernel sends as an object, or null while it is empty. */
function present<T extends object>(value: Maybe<T>, entry: keyof T & string): T | null {
  return entry in value ? (value as T) : null;
}

function pairOf(compared: WidgetState["compared"]): [number, number] | null {
  const [a, b] = compared;
  return a === undefined || b === undefined ? null : [a, b];
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((value, i) => Object.is(value, b[i]));
}
