import { describe, expect, it } from "vitest";
import type { Frame, ImageView } from "../src/frame";
import {
  imageHit,
  imageStep,
  layoutImage,
  outlined,
  strengths,
  tokenHit,
} from "../src/layout/image";
import { layoutStage } from "../src/layout/stage";
import type { Measure } from "../src/layout/text";
import type { ShownMatrix, ShownTrace } from "../src/model";
import { textOf } from "../src/phrases";
import { describe as finding } from "../src/sentence";
import { frameOf, rowOf, traceOf } from "./frames";
import { frameFrom, packed, sent } from "./stages";

const measure: Measure = (text, size) => 0.55 * size * text.length;

/** CLS, two rows of three patches, a register. */
const IMAGE: ImageView = {
  rows: 2,
  columns: 3,
  places: [1, 2, 3, 4, 5, 6],
  others: [0, 7],
  pixels: { pixels: new Uint8ClampedArray(4 * 60), columns: 10, rows: 6 },
};
const TOKENS = ["[CLS]", "0,0", "0,1", "0,2", "1,0", "1,1", "1,2", "[SEP]"];

function frame(given: Partial<Frame> = {}): Frame {
  const relevance = rowOf({ 0: 0.2, 1: 0.01, 2: 0.3, 3: 0.05, 4: 0.4, 5: 0.02, 6: 0.02 });
  const trace = traceOf({ relevance, nodes: [relevance, rowOf({ 4: 1 })], stop: 1 });
  return frameOf({ image: IMAGE, trace, selected: [[1, 4]], ...given }, TOKENS);
}

describe("the outline", () => {
  it("holds the fewest other patches with 80 % of what other patches give", () => {
    const found = outlined(frame())!;
    expect([...found.cells]).toEqual([1, 2]);
    expect(found.share).toBeCloseTo(0.35);
    expect(textOf(finding(frame()).spans)).toContain("draws 35\u00a0% from the 2 outlined patches");
  });

  it("is not drawn where numbers are no shares", () => {
    expect(outlined(frame({ trace: traceOf({ method: "flow" }) }))).toBeNull();
    expect(outlined(frame({ trace: traceOf({ direction: "up" }) }))).toBeNull();
    expect(outlined(frame({ image: null }))).toBeNull();
  });

  it("closes around its cells", () => {
    const lines = layoutImage(frame(), measure).marks.filter((mark) => mark.kind === "line");
    // Two neighbours have six sides, each drawn on paper of its own.
    expect(lines).toHaveLength(12);
  });
});

describe("strengths", () => {
  const values = rowOf({ 1: 0.1, 2: 0.2, 4: 0.9 });
  it("are parts of the largest patch that is not selected", () => {
    const found = strengths(IMAGE, values, new Set([4]), false);
    expect(found.map((t) => Number(t.toFixed(3)))).toEqual([0.616, 1, 0, 1, 0, 0]);
  });
  it("of flows begin at the smallest one", () => {
    const flows = rowOf({ 1: 0.8, 2: 0.9, 3: 0.8, 4: 0.85, 5: 0.8, 6: 0.8 });
    const found = strengths(IMAGE, flows, new Set(), true);
    expect(found[0]).toBe(0);
    expect(found[1]).toBe(1);
    expect(found[3]).toBeCloseTo(0.5 ** 0.7);
  });
  it("of what is not computed yet are nothing", () => {
    const found = strengths(IMAGE, rowOf({ 1: Number.NaN, 2: 0.5 }), new Set(), false);
    expect(found.slice(0, 2)).toEqual([0, 1]);
  });
});

describe("the layout", () => {
  it.each([480, 900, 1400])("keeps image and maps within %i px", (width) => {
    const size = width < 720 ? "narrow" : width < 1080 ? "medium" : "wide";
    const { panels } = layoutImage(frame({ width, size }), measure);
    expect(panels.map(({ level }) => level)).toEqual([null, 0, 1]);
    for (const { x, w } of panels) expect(x + w).toBeLessThanOrEqual(width - 24);
    const [main] = panels;
    expect(main!.w / main!.h).toBeCloseTo(10 / 6);
  });

  it("finds the token under a point, in the image, in a map and among the chips", () => {
    const layout = layoutImage(frame(), measure);
    for (const token of [0, 1, 3, 4, 6, 7]) {
      const { box } = tokenHit(layout, IMAGE, token)!;
      const hit = imageHit(layout, IMAGE, box.x + box.w / 2, box.y + box.h / 2);
      expect(hit).toMatchObject({ token, level: null });
    }
    const map = layout.panels[2]!;
    const corner = imageHit(layout, IMAGE, map.x + map.w - 1, map.y + map.h - 1);
    expect(corner).toMatchObject({ token: 6, level: 1 });
    expect(imageHit(layout, IMAGE, -3, 40)).toBeNull();
  });

  it("draws a comparison on the diverging scale, without an outline", () => {
    const both = frame();
    const view = (relevance: Float64Array) => ({
      pin: {} as never,
      matrix: { ...matrix(), method: "rollout" as const },
      trace: { ...both.trace!, relevance, nodes: [relevance, relevance], blocks: [EDGES] },
    });
    const comparison = {
      a: view(rowOf({ 1: 0.5 })),
      b: view(rowOf({ 2: 0.5 })),
    };
    const layout = layoutImage({ ...both, comparison }, measure);
    const main = layout.marks.find((mark) => mark.kind === "image");
    const { pixels } = main as { pixels: Uint8ClampedArray };
    const [more, less] = [pixels.slice(0, 3), pixels.slice(4, 7)];
    expect(more[2]).toBeGreaterThan(more[0]!);
    expect(less[0]).toBeGreaterThan(less[2]!);
    expect(layout.marks.some((mark) => mark.kind === "line")).toBe(false);
  });
});

const EDGES = {
  block: 0,
  query: new Int32Array(),
  key: new Int32Array(),
  value: new Float64Array(),
};

function matrix() {
  const scale = { knee: 1, max: 1, t: (v: number) => v };
  return {
    n: 8,
    rowLevel: 1,
    columnLevel: 0,
    values: new Float64Array(64),
    scale,
    scaleOf: () => scale,
    bindingAt: () => null,
  };
}

describe("the keyboard", () => {
  it.each([
    [5, "ArrowUp", 2],
    [2, "ArrowDown", 5],
    [3, "ArrowRight", 3],
    [4, "ArrowLeft", 4],
    [4, "ArrowDown", 4],
    [1, "ArrowUp", 0],
    [3, "ArrowUp", 7],
    [0, "ArrowRight", 7],
    [7, "ArrowDown", 2],
    [0, "ArrowUp", 0],
  ])("goes from %i by %s to %i", (from, key, to) => {
    expect(imageStep(IMAGE, from, key)).toBe(to);
  });
});

describe("the image of a frame", () => {
  it("is read from grey bytes, and patches are named as such", () => {
    const state = sent.rollout();
    const n = state.tokens.length;
    state.picture = {
      grid: [2, 3],
      first: 1,
      image: packed(Uint8Array.of(0, 50, 100, 150), [2, 2]),
    };
    const made = frameFrom(state);
    expect(made.image?.places).toEqual([1, 2, 3, 4, 5, 6]);
    expect(made.image?.others).toEqual([0, ...Array.from({ length: n - 7 }, (_, i) => i + 7)]);
    expect([...made.image!.pixels!.pixels.slice(4, 8)]).toEqual([50, 50, 50, 255]);
    expect(made.tokens.map(({ patch }) => patch === true)[1]).toBe(true);
    expect(made.tokens[0]?.patch).toBeUndefined();
  });
});

describe("generated text", () => {
  const state = () => {
    const made = sent.rollout();
    made.produced = made.tokens.map((_, i) => (i < 3 ? null : `Ġw${i}`));
    return made;
  };

  it("has rows that name what they produced, and tokens that do not", () => {
    const made = frameFrom(state());
    expect(made.readers[2]).toBe(made.tokens[2]);
    expect(made.readers[4]!.label).toBe(`${made.tokens[4]!.label} → w4`);
    const stage = layoutStage(made, 40, measure);
    const texts = stage.rows.marks.flatMap((mark) => (mark.kind === "text" ? [mark] : []));
    const produced = texts.filter(({ text }) => text.includes("→"));
    expect(produced).toHaveLength(made.n - 3);
    expect(new Set(produced.map(({ anchor }) => anchor))).toEqual(new Set(["start"]));
  });

  it("has rows whose longer labels end before the matrix", () => {
    const made = frameFrom(state());
    const { readers, zones } = layoutStage(made, 40, measure);
    const widest = Math.max(...readers.map(({ width }) => width));
    expect(zones.outputs.left + widest).toBeLessThan(zones.matrix!.x);
  });
});

describe("an encoder-decoder", () => {
  const blocks = ["encoder 1", "encoder 2", "decoder 1 self", "decoder 1 cross"];
  const heads = (width: number) => {
    const made = frameFrom({ ...sent.rollout(), blocks }, { width });
    const { around } = layoutStage({ ...made, levels: [0, 4] }, 40, measure);
    return around.flatMap((mark) => (mark.kind === "text" ? [mark.text] : []));
  };

  it("names its blocks over the graph, in short where they are close", () => {
    expect(heads(1400)).toContain("decoder 1 cross");
    expect(heads(800)).toContain("cross 1");
    expect(heads(800)).not.toContain("decoder 1 cross");
  });

  it("names its blocks in the sentence", () => {
    const made = frameFrom({ ...sent.rollout(), blocks });
    expect(textOf(finding(made).spans)).toContain("at decoder 1 cross draws");
  });
});

describe("against even attention", () => {
  const even = () => {
    const state = sent.rollout();
    const matrix = state.shown_matrix as ShownMatrix;
    const trace = state.shown_trace as ShownTrace;
    const n = state.tokens.length;
    const blocks = matrix.terms.shape[0]! - 1;
    // Even attention to n tokens: the first term of the identity, all others spread mass evenly.
    const terms = new Float32Array((blocks + 1) * n * n);
    for (let i = 0; i < n; i++) terms[i * n + i] = 1;
    let ways = 1;
    for (let k = 1; k <= blocks; k++) {
      ways = (ways * (blocks - k + 1)) / k;
      terms.fill(ways / n, k * n * n, (k + 1) * n * n);
    }
    const row = trace.sources![0]!;
    const rows = Float32Array.from({ length: (blocks + 1) * n }, (_, i) => {
      const [k, token] = [Math.floor(i / n), i % n];
      return terms[k * n * n + row * n + token]!;
    });
    state.baseline = "uniform";
    state.shown_matrix = { ...matrix, even: packed(terms, [blocks + 1, n, n]) };
    state.shown_trace = { ...trace, even: packed(rows, [blocks + 1, n]) };
    return state;
  };

  it("divides matrix and relevance at any residual", () => {
    for (const residual of [0.2, 0.65]) {
      const plain = frameFrom({ ...sent.rollout(), residual });
      const made = frameFrom({ ...even(), residual });
      expect(made.even).toBe(true);
      const blocks = made.levels[1] - made.levels[0];
      const { n } = made;
      const source = made.trace!.sources![0]!;
      for (let key = 0; key < n; key++) {
        const share = (1 - residual ** blocks) / n + (key === source ? residual ** blocks : 0);
        expect(made.trace!.relevance[key]).toBeCloseTo(plain.trace!.relevance[key]! / share, 4);
        expect(made.matrix!.values[source * n + key]).toBeCloseTo(made.trace!.relevance[key]!, 4);
      }
      // Ribbons stay shares.
      expect(made.trace!.nodes).toEqual(plain.trace!.nodes);
    }
  });

  it("says so in the sentence, the facts, the legend and the figures", () => {
    const made = frameFrom(even());
    const { spans, facts } = finding(made);
    expect(textOf(spans)).toMatch(/^Next to even attention, .+ draws \d+\.\d\d\u00a0× from /);
    expect(facts).toContain("against even attention");
    const stage = layoutStage(made, 40, measure);
    const texts = [...stage.matrix, ...stage.around].flatMap((mark) =>
      mark.kind === "text" ? [mark.text] : [],
    );
    expect(texts).toContain("times what even attention gives");
    expect(texts).toContain("times even");
    expect(made.matrix!.scale.max).toBeGreaterThan(1);
  });

  it("sums shares before it divides where pieces are merged", () => {
    const words = { labels: ["a", "b"], of_token: even().tokens.map((_, i) => (i < 4 ? 0 : 1)) };
    const made = frameFrom({ ...even(), words, merge_words: true });
    const plain = frameFrom({ ...sent.rollout(), words, merge_words: true });
    const [all] = [made.trace!.even!.reduce((a, b) => a + b, 0)];
    expect(all).toBeCloseTo(1, 4);
    const [first] = made.trace!.relevance;
    expect(first).toBeCloseTo(plain.trace!.relevance[0]! / made.trace!.even![0]!, 5);
  });
});
