/** The flow that was computed for the file. None is computed here: a control that asks for more is
 * told in a sentence what is there. */
import { BINDINGS, type ShownMatrix, type ShownTrace, type Words } from "../model";
import { decode } from "../wire";
import { type Analysis, meanRow } from "./analysis";
import { NotInFile } from "./attention";
import { isEmpty, isForward, keyOf, type Selection, type Settings, selectionKey } from "./settings";
import { packFloats, shownTrace } from "./shown";

/** What the file's settings carry, as Python wrote it. */
export interface FlowOfFile {
  /** In words: "layers input–6, all heads, residual 0.50"; "" where there is none. */
  holds: string;
  matrices: readonly { settings: Settings; matrix: ShownMatrix }[];
  traces: readonly { settings: Settings; selection: Selection; trace: ShownTrace | Relevance }[];
}

/** Of a walk the page lacks no more than how much each input can give. */
type Relevance = Pick<ShownTrace, "relevance" | "relevance_binding">;

/** A trace, and what has to be said about it. */
export interface FoundTrace {
  trace: ShownTrace;
  note: string;
}

/** The settings whose whole matrix is that of a trace between two shown levels. */
export function within(settings: Settings, { start, stop }: Selection): Settings {
  const [first, last] = settings.levels;
  const { residual } = settings;
  return {
    ...settings,
    levels: [start, stop],
    // One head for the top layer of the range: below that layer there is none.
    top_head: stop === last ? settings.top_head : null,
    residual: typeof residual === "number" ? residual : residual.slice(start - first, stop - first),
  };
}

export class StoredFlow {
  readonly #holds: string;
  readonly #matrices: ReadonlyMap<string, ShownMatrix>;
  readonly #traces: ReadonlyMap<string, ShownTrace | Relevance>;

  constructor({ holds, matrices, traces }: FlowOfFile) {
    this.#holds = holds;
    this.#matrices = new Map(matrices.map(({ settings, matrix }) => [keyOf(settings), matrix]));
    this.#traces = new Map(
      traces.map(({ settings, selection, trace }) => [
        keyOf(settings) + selectionKey(selection),
        trace,
      ]),
    );
  }

  matrix(settings: Settings): ShownMatrix {
    const found = this.#matrices.get(keyOf(settings));
    if (found !== undefined) return found;
    if (this.#holds === "") {
      throw new NotInFile(
        "This file was saved without flow. Rollout and attention are live in it; " +
          'save_html(…, flow="current") adds the flow that the widget shows.',
      );
    }
    throw new NotInFile(
      `The flow at these settings is not in this file. Flow is here for ${this.#holds}.`,
    );
  }

  /** `words`: where pieces are shown merged, a word counts as one source. */
  trace(
    analysis: Analysis,
    settings: Settings,
    selection: Selection,
    words: Words | null,
  ): FoundTrace {
    const known = this.#traces.get(keyOf(settings) + selectionKey(selection));
    if (known !== undefined && "kind" in known) return { trace: known, note: "" };
    const walk = (found: Partial<ShownTrace>): FoundTrace => ({
      trace: { ...shownTrace(analysis, settings, selection, null), ...found },
      note: "",
    });
    if (known !== undefined) return walk(known);
    const { n } = analysis.attention;
    const { sources, sinks } = selection;
    const { terms, binding } = this.matrix(within(settings, selection));
    const values = decode(terms, "float32");
    if (isEmpty(selection)) return walk({ relevance: packFloats(meanRow(values, n), [n]) });
    const ends = sources ?? sinks ?? [];
    const pair = sources !== null && sinks !== null;
    if (pair && sources.length + sinks.length > 2) {
      throw new NotInFile(
        "The flow between these sets is not in this file. Pick one token of each.",
      );
    }
    const oneWord = words !== null && new Set(ends.map((end) => words.of_token[end])).size === 1;
    if (ends.length > 1 && !oneWord) {
      throw new NotInFile(
        "The flow of these tokens together is not in this file. Pick one of them: its flow is.",
      );
    }
    const codes = binding === null ? new Uint8Array(n * n) : decode(binding, "uint8");
    const at = (token: number, other: number): number =>
      isForward(selection) ? other * n + token : token * n + other;
    // A word's flow is the mean over its pieces, as in the matrix of words.
    const relevance = Float64Array.from(
      { length: n },
      (_, other) => ends.reduce((sum, end) => sum + values[at(end, other)]!, 0) / ends.length,
    );
    const unknown = BINDINGS.indexOf("unknown");
    const limits = Uint8Array.from({ length: n }, (_, other) =>
      ends.length === 1 ? codes[at(ends[0]!, other)]! : unknown,
    );
    const found: Relevance = {
      relevance: packFloats(relevance, [n]),
      relevance_binding: { view: limits, dtype: "uint8", shape: [n] },
    };
    // From a source to every input the walk is a maximum flow; to one input alone it is not.
    if (sinks === null) return walk(found);
    const levels = selection.stop - selection.start + 1;
    const pathless: Partial<ShownTrace> = {
      kind: "flow",
      polynomial: false,
      mixed: false,
      down: packFloats(new Float64Array(levels * n), [levels, n]),
      up: null,
      edges: { view: new ArrayBuffer(0), dtype: "int32", shape: [0, 3] },
      weights: packFloats(new Float64Array(0), [0]),
      value: pair ? relevance[sinks[0]!]! : null,
    };
    return {
      ...walk({ ...found, ...pathless }),
      note: "The paths of this flow are not in this file, its values are.",
    };
  }
}
