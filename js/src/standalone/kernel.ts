/** What `widget.py` does in a notebook, done in the page: every change of a setting is checked,
 * answered with a picture, or refused in a sentence. */
import type { Compared, Pin, ShownMatrix, ShownTrace, WidgetState, Words } from "../model";
import { Analysis } from "./analysis";
import { NotInFile, type StoredAttention } from "./attention";
import type { StoredFlow } from "./flow";
import type { LocalModel } from "./local";
import { type Growing, RolloutMatrix } from "./matrix";
import { evenMaps } from "./mixing";
import { named } from "./pins";
import {
  ends,
  follow,
  fusionKey,
  keyOf,
  type Selection,
  type Settings,
  selectionKey,
  settingsOf,
} from "./settings";
import { note, shownEven, shownHeadMaps, shownHeadShares, shownMatrix, shownTrace } from "./shown";

/** Milliseconds of work before its progress is shown. */
const PATIENCE = 150;

/** The settings that decide the numbers: `SETTINGS` of `state.py`. */
const SETTINGS = ["method", "levels", "heads", "top_head", "residual", "drop", "baseline"] as const;

/** What a picture depends on, and what a refusal takes back. */
const ASKED = [
  ...SETTINGS,
  "selected",
  "merge_words",
  "heads_open",
  "pins",
  "compared",
] as const satisfies readonly (keyof WidgetState)[];

type Asked = Pick<WidgetState, (typeof ASKED)[number]>;

export class Kernel {
  readonly #model: LocalModel;
  readonly #analysis: Analysis;
  readonly #matrix: RolloutMatrix;
  /** The same answers about even attention. */
  readonly #even: Analysis;
  readonly #evenMatrix: RolloutMatrix;
  readonly #flow: StoredFlow;
  /** The settings that are shown; what is refused goes back to them. */
  #accepted: Asked;
  #shownMatrix = "";
  #shownTrace = "";
  #shownShares = "";
  #comparing = "";
  #flowNote = "";
  #job = 0;

  constructor(model: LocalModel, attention: StoredAttention, flow: StoredFlow) {
    this.#model = model;
    this.#analysis = new Analysis(attention);
    this.#matrix = new RolloutMatrix(this.#analysis);
    this.#even = new Analysis(attention, evenMaps);
    this.#evenMatrix = new RolloutMatrix(this.#even);
    this.#flow = flow;
    this.#accepted = this.#asked();
    model.onSave = (changed) => this.#take(changed);
    model.onMessage = (message) => {
      if (message.type !== "stop") return;
      this.#stop();
      this.#shownMatrix = "";
    };
    try {
      this.#refresh();
    } catch (error) {
      if (!(error instanceof NotInFile)) throw error;
      // A picture is always in the file; the comparison of two others may not be.
      model.put("compared", []);
      this.#refresh();
      model.put("error", error.message);
    }
    this.#accepted = this.#asked();
  }

  #asked(): Asked {
    const entries = ASKED.map((name) => [name, this.#model.get(name)]);
    return Object.fromEntries(entries) as Asked;
  }

  #take(changed: ReadonlySet<keyof WidgetState>): void {
    if (!changed.has("error")) this.#model.put("error", "");
    try {
      if (changed.has("levels")) this.#followLevels(changed.has("selected"));
      if (changed.has("pins")) {
        const tokens = this.#model.get("tokens");
        this.#model.put("pins", named(this.#model.get("pins"), tokens));
      }
      this.#refresh();
      this.#accepted = this.#asked();
    } catch (error) {
      if (!(error instanceof NotInFile)) throw error;
      const accepted: WidgetState = { ...this.#model.state, ...this.#accepted };
      for (const name of ASKED) this.#model.put(name, accepted[name]);
      this.#model.put("error", error.message);
    }
  }

  /** What depends on the levels moves along. */
  #followLevels(selectionGiven: boolean): void {
    const [start, stop] = this.#model.get("levels");
    const selected = this.#model.get("selected");
    const old = selectionGiven ? ([start, stop] as const) : this.#accepted.levels;
    this.#model.put("selected", follow(selected, old, [start, stop]));
    const residual = this.#model.get("residual");
    if (Array.isArray(residual) && residual.length !== stop - start) {
      // One residual a layer has no meaning for other layers; their mean is the nearest.
      this.#model.put("residual", residual.reduce((a, b) => a + b, 0) / residual.length);
    }
  }

  #refresh(): void {
    const model = this.#model;
    const state = this.#asked();
    const settings = settingsOf(state);
    const selection = ends(state.selected, state.levels);
    const [comparison, comparing] = this.#compare(state);
    if (settings.method === "flow") this.#drawFlow(settings, selection);
    else this.#draw(settings, selection, state.baseline !== null);
    if (settings.method !== "flow") this.#flowNote = "";
    const notes = [note(this.#analysis, settings), this.#flowNote];
    model.put("note", notes.filter((text) => text !== "").join(" "));
    if (comparing !== this.#comparing) {
      this.#comparing = comparing;
      model.put("shown_comparison", comparison);
    }
    this.#drawHeads(settings, selection, state.heads_open);
  }

  /** `divide`: shares are shown as multiples of those of even attention. */
  #draw(settings: Settings, selection: Selection, divide: boolean): void {
    const model = this.#model;
    const polynomial = settings.method === "rollout" && typeof settings.residual === "number";
    const key = polynomial ? `rollout ${fusionKey(settings)}` : keyOf(settings);
    const traceKey = `${key}${selectionKey(selection)}${divide}`;
    if (traceKey !== this.#shownTrace) {
      const relevance =
        settings.method === "attention" ? this.#analysis.relevance(settings, selection) : null;
      const trace = shownTrace(this.#analysis, settings, selection, relevance);
      this.#shownTrace = traceKey;
      const even = divide ? shownEven(this.#even, settings, selection) : null;
      model.put("shown_trace", { ...trace, even });
    }
    const attention = settings.method === "attention";
    const matrixKey = attention ? keyOf(settings) : `rollout ${this.#matrix.ask(settings)}`;
    if (divide) this.#evenMatrix.ask(settings);
    if (`${matrixKey}${divide}` === this.#shownMatrix) return;
    this.#shownMatrix = `${matrixKey}${divide}`;
    this.#stop();
    const { n } = this.#analysis.attention;
    if (attention) {
      const even = divide ? this.#even.maps(settings).at(-1)! : null;
      const last = this.#analysis.maps(settings).at(-1)!;
      model.put("shown_matrix", shownMatrix(settings, last, n, even));
      return;
    }
    const terms = this.#matrix.now(settings);
    const even = divide ? this.#evenMatrix.now(settings) : null;
    if (terms === null || (divide && even === null)) this.#grow(settings, n, divide);
    else model.put("shown_matrix", shownMatrix(settings, terms, n, even));
  }

  #drawFlow(settings: Settings, selection: Selection): void {
    const model = this.#model;
    const merged = model.get("merge_words");
    const key = `${keyOf(settings)}${selectionKey(selection)}${merged}`;
    if (key === this.#shownTrace) return;
    const matrix = this.#flow.matrix(settings);
    const words = merged ? (model.get("words") as Words) : null;
    const found = this.#flow.trace(this.#analysis, settings, selection, words);
    this.#stop();
    this.#flowNote = found.note;
    this.#shownTrace = key;
    this.#shownMatrix = keyOf(settings);
    model.put("shown_matrix", matrix);
    model.put("shown_trace", found.trace);
  }

  /** A matrix that takes its time: the page stays alive, and a newer wish ends it. */
  #grow(settings: Settings, n: number, divide: boolean): void {
    const job = ++this.#job;
    const [matrix, other] = [this.#matrix, divide ? this.#evenMatrix : null];
    const steps = (function* (): Generator<Growing, [Float64Array, Float64Array | null]> {
      return [yield* matrix.grow(settings), other === null ? null : yield* other.grow(settings)];
    })();
    const began = performance.now();
    const tell = ({ done, of }: Growing): void => {
      if (performance.now() - began < PATIENCE) return;
      this.#model.put("progress", { text: `Rollout: ${done} of ${of} rows`, fraction: done / of });
    };
    const step = (): void => {
      if (job !== this.#job) return;
      const { done, value } = steps.next();
      if (done) {
        this.#model.put("shown_matrix", shownMatrix(settings, value[0], n, value[1]));
        this.#model.put("progress", {});
        return;
      }
      tell(value);
      setTimeout(step);
    };
    setTimeout(step);
  }

  #stop(): void {
    this.#job++;
    if ("text" in this.#model.get("progress")) this.#model.put("progress", {});
  }

  #drawHeads(settings: Settings, selection: Selection, open: boolean): void {
    const model = this.#model;
    if (!open) return;
    if (!("maps" in model.get("head_maps"))) {
      model.put("head_maps", shownHeadMaps(this.#analysis));
    }
    const key = keyOf(settings) + selectionKey(selection);
    // Of heads that are not in the file there are small maps and no more.
    if (key === this.#shownShares || this.#analysis.attention.only !== null) return;
    this.#shownShares = key;
    model.put("head_shares", shownHeadShares(this.#analysis, settings, selection));
  }

  #compare({ compared, pins }: Asked): [WidgetState["shown_comparison"], key: string] {
    const [a, b] = compared.map((index) => pins[index]);
    if (a === undefined || b === undefined) return [{}, ""];
    const content = ({ name: _name, ...kept }: Pin): unknown => kept;
    const key = JSON.stringify([content(a), content(b)]);
    if (key === this.#comparing) return [this.#model.get("shown_comparison"), key];
    return [{ a: this.#evaluated(a), b: this.#evaluated(b) }, key];
  }

  /** The picture of a pin with its residual mixed in. */
  #evaluated(pin: Pin): Compared {
    const settings = settingsOf(pin);
    const selection = ends(pin.selected, pin.levels);
    const { n } = this.#analysis.attention;
    const [start, stop] = pin.levels;
    const fixed: Settings = {
      ...settings,
      // One residual a layer has no polynomial: numbers instead of terms.
      residual:
        typeof settings.residual === "number"
          ? Array.from({ length: stop - start }, () => settings.residual as number)
          : settings.residual,
    };
    if (settings.method === "flow") {
      const matrix: ShownMatrix = this.#flow.matrix(settings);
      const found = this.#flow.trace(this.#analysis, settings, selection, null).trace;
      if (found.kind === "flow") return { matrix, trace: found };
      const walk = shownTrace(this.#analysis, fixed, selection, null);
      const { relevance, relevance_binding } = found;
      return { matrix, trace: { ...walk, relevance, relevance_binding } };
    }
    const matrix =
      settings.method === "attention"
        ? this.#analysis.maps(settings).at(-1)!
        : this.#matrix.whole(settings);
    const relevance = this.#analysis.relevance(settings, selection);
    const trace: ShownTrace = shownTrace(this.#analysis, fixed, selection, relevance);
    return { matrix: shownMatrix(fixed, matrix, n), trace };
  }
}
