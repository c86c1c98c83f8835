/** The flow that was computed for the file. None is computed here: a control that asks for more is
 * told in a sentence what is there. */
import { exactFlow } from "../format";
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
  traces: readonly { settings: Settings; selection: Selection; trace: ShownTrace }[];
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
  readonly #traces: ReadonlyMap<string, ShownTrace>;

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
  ): ShownTrace {
    const known = this.#traces.get(keyOf(settings) + selectionKey(selection));
    if (known !== undefined) return known;
    const { n, tokens } = analysis.attention;
    const { sources, sinks } = selection;
    const { terms, binding } = this.matrix(within(settings, selection));
    const values = Float64Array.from(decode(terms, "float32"));
    if (isEmpty(selection)) {
      return shownTrace(analysis, settings, selection, meanRow(values, n));
    }
    const codes = binding === null ? new Uint8Array(n * n) : decode(binding, "uint8");
    if (sources !== null && sinks !== null) {
      const [source, sink] = [sources[0]!, sinks[0]!];
      const value = values[source * n + sink]!;
      throw new NotInFile(
        sources.length === 1 && sinks.length === 1
          ? `The paths of this pair are not in this file. Its flow is: at most ${exactFlow(value)} ` +
              `from ‘${tokens[sink]}’ to ‘${tokens[source]}’.`
          : "The flow between these sets is not in this file. Pick one token: its flow is.",
      );
    }
    const chosen = (isForward(selection) ? sinks : sources) ?? [];
    const oneWord =
      words !== null && new Set(chosen.map((token) => words.of_token[token])).size === 1;
    if (chosen.length > 1 && !oneWord) {
      throw new NotInFile(
        "The flow of these tokens together is not in this file. Pick one of them: its flow is.",
      );
    }
    const at = (token: number, other: number): number =>
      isForward(selection) ? other * n + token : token * n + other;
    // A word's flow is the mean over its pieces, as in the matrix of words.
    const relevance = Float64Array.from(
      { length: n },
      (_, other) =>
        chosen.reduce((sum, token) => sum + values[at(token, other)]!, 0) / chosen.length,
    );
    const unknown = BINDINGS.indexOf("unknown");
    const limits = Uint8Array.from({ length: n }, (_, other) =>
      chosen.length === 1 ? codes[at(chosen[0]!, other)]! : unknown,
    );
    return {
      ...shownTrace(analysis, settings, selection, null),
      relevance: packFloats(relevance, [n]),
      relevance_binding: { view: limits, dtype: "uint8", shape: [n] },
    };
  }
}
