import { describe, expect, test } from "vitest";
import type { Frame } from "../src/frame";
import { textOf } from "../src/phrases";
import { describe as describeFrame } from "../src/sentence";
import { flowOf, frameOf, matrixOf, rowOf, TEXT, traceOf } from "./frames";

/** The sentence with ordinary spaces. */
const say = (frame: Frame) => textOf(describeFrame(frame).spans).replaceAll("\u00a0", " ");
const strong = (frame: Frame) =>
  describeFrame(frame)
    .spans.filter(({ tone }) => tone === "strong")
    .map(({ text }) => text.replaceAll("\u00a0", " "));
const facts = (given: Partial<Frame>) => describeFrame(frameOf(given)).facts.join(" · ");

describe("rollout", () => {
  test("a source: words by rank, then what stays and what rests on special tokens", () => {
    expect(say(frameOf({ trace: traceOf() }))).toBe(
      "‘it’ at layer 4 draws 9 % from ‘trophy’, 9 % from ‘big’, 5 % from ‘fits’ · " +
        "43 % stays, 31 % rests on CLS and SEP",
    );
  });

  test("the far smaller third word is not stressed", () => {
    expect(strong(frameOf({ trace: traceOf() }))).toEqual([
      "‘it’",
      "9 %",
      "‘trophy’",
      "9 %",
      "‘big’",
    ]);
  });

  test("words under four tenths of the first are left to the picture", () => {
    const trace = traceOf({ relevance: rowOf({ 2: 0.5, 3: 0.1, 4: 0.4 }) });
    expect(say(frameOf({ trace }))).toBe("‘it’ at layer 4 draws 50 % from ‘trophy’ · 40 % stays");
  });

  test("punctuation does not lead the sentence", () => {
    const trace = traceOf({ relevance: rowOf({ 2: 0.1, 4: 0.3, 6: 0.6 }) });
    expect(say(frameOf({ trace }))).toBe(
      "‘it’ at layer 4 draws 10 % from ‘trophy’ · 30 % stays, 60 % on punctuation",
    );
  });

  test("a figure belongs to the special tokens that are named, and to no other", () => {
    const trace = traceOf({ relevance: rowOf({ 0: 0.51, 2: 0.4, 4: 0.04, 7: 0.05 }) });
    expect(say(frameOf({ trace }))).toMatch(/51 % rests on CLS$/);
  });

  test("all of it stays", () => {
    const trace = traceOf({ relevance: rowOf({ 4: 1 }) });
    expect(say(frameOf({ trace }))).toBe(
      "‘it’ at layer 4 draws nothing from other words · 100 % stays",
    );
  });

  test("a node inside, and a range that does not begin at the input", () => {
    const trace = traceOf({ start: 1, stop: 2, relevance: rowOf({ 2: 0.7, 4: 0.3 }) });
    expect(say(frameOf({ trace, levels: [1, 4] }))).toBe(
      "‘it’ at layer 2 draws 70 % from ‘trophy’ at layer 1 · 30 % stays",
    );
  });

  test("a set: shares of the whole set, whatever it started with", () => {
    const relevance = rowOf({ 2: 0.8, 4: 0.6, 5: 0.6 });
    const sentence = "‘it’ and ‘big’ at layer 4 draw 40 % from ‘trophy’ · 60 % stays among them";
    expect(say(frameOf({ trace: traceOf({ sources: [4, 5], relevance, total: 2 }) }))).toBe(
      sentence,
    );
    const halves = relevance.map((value) => value / 2);
    expect(say(frameOf({ trace: traceOf({ sources: [4, 5], relevance: halves }) }))).toBe(sentence);
  });

  test("two tokens that read alike get their positions", () => {
    const text = ["the", "dog", "the", "cat"];
    const trace = traceOf({ n: 4, sources: [1], relevance: rowOf({ 0: 0.4, 2: 0.3, 1: 0.3 }, 4) });
    expect(say(frameOf({ trace }, text))).toBe(
      "‘dog’ at layer 4 draws 40 % from ‘the’ 0, 30 % from ‘the’ 2 · 30 % stays",
    );
  });

  test("in a long text the distance is said", () => {
    const text = Array.from({ length: 120 }, (_, i) => `w${i}`);
    const relevance = rowOf({ 10: 0.2, 100: 0.8 }, 120);
    const trace = traceOf({ n: 120, sources: [100], relevance });
    expect(say(frameOf({ trace }, text))).toBe(
      "‘w100’ at layer 4 draws 20 % from ‘w10’, 90 tokens before it · 80 % stays",
    );
    relevance[110] = 0.18;
    expect(say(frameOf({ trace }, text))).toContain("before it, and 18 % from ‘w110’");
  });

  test("a pair: the share, its place, and the way it takes", () => {
    const nodes = [
      rowOf({ 5: 1 }),
      rowOf({ 0: 0.54, 5: 0.46 }),
      rowOf({ 4: 0.9, 2: 0.1 }),
      rowOf({ 4: 1 }),
      rowOf({ 4: 1 }),
    ];
    const trace = traceOf({ sinks: [5], total: 0.09, nodes });
    expect(say(frameOf({ trace }))).toBe(
      "‘it’ at layer 4 draws 9 % from ‘big’ · its 5th largest share of 8, " +
        "54 % of it by way of CLS at layer 1",
    );
  });

  test("a pair that nothing joins", () => {
    const trace = traceOf({ sinks: [7], total: 0, relevance: rowOf({ 4: 1 }) });
    expect(say(frameOf({ trace }))).toBe("‘it’ at layer 4 draws nothing from SEP");
  });

  test("an input alone: which outputs it reaches", () => {
    const trace = traceOf({
      sources: null,
      sinks: [5],
      direction: "up",
      relevance: rowOf({ 0: 0.04, 3: 0.07, 4: 0.09, 5: 0.36 }),
    });
    expect(say(frameOf({ trace, selected: [[0, 5]] }))).toBe(
      "‘big’ reaches 9 % of ‘it’, 7 % of ‘fits’ at layer 4 · 36 % of itself, 4 % of CLS",
    );
  });

  test("nothing selected: the mean, and what to do", () => {
    const relevance = rowOf({ 0: 0.55, 2: 0.05, 7: 0.07, 4: 0.02 });
    const trace = traceOf({ sources: null, relevance: relevance.map((v) => v / 0.69) });
    const frame = frameOf({ trace, selected: [] });
    expect(say(frame)).toBe(
      "On average an output token draws 80 % from CLS, 10 % from SEP, 7 % from ‘trophy’ · " +
        "pick a token to trace it",
    );
    expect(strong(frame)).toEqual(["80 %", "CLS", "‘trophy’"]);
  });

  test("raw attention is put, not drawn", () => {
    const trace = traceOf({ method: "attention", start: 3 });
    expect(say(frameOf({ trace, method: "attention" }))).toBe(
      "‘it’ in layer 4 puts 9 % on ‘trophy’, 9 % on ‘big’, 5 % on ‘fits’ · " +
        "43 % on itself, 31 % on CLS and SEP",
    );
  });

  test("one token, and none", () => {
    const one = traceOf({ n: 1, sources: [0], relevance: Float64Array.of(1) });
    expect(say(frameOf({ trace: one }, ["hello"]))).toBe(
      "One token, ‘hello’: all of it comes from itself. Give the model a longer text to see a path.",
    );
    expect(say(frameOf({ trace: null }, []))).toBe("");
  });
});

describe("flow", () => {
  const flow = traceOf({
    method: "flow",
    relevance: rowOf({ 0: 1, 1: 0.2, 2: 0.22, 3: 0.25, 4: 0.85, 5: 0.607, 6: 0.4, 7: 0.5 }),
    relevanceBinding: TEXT.map((_, i) => (i === 0 ? "both" : "interior")),
  });
  const frame = (given: Partial<typeof flow>) =>
    frameOf({ method: "flow", trace: { ...flow, ...given } });

  test("a source: the most it can draw, special tokens and itself apart", () => {
    expect(say(frame({}))).toBe(
      "‘it’ can draw at most 0.61 from ‘big’, 0.25 from ‘fits’, 0.22 from ‘trophy’ · " +
        "0.85 from itself, 1.00 from CLS, 0.50 from SEP",
    );
  });

  test("a set draws together", () => {
    expect(say(frame({ sources: [4, 5] }))).toBe(
      "‘it’ and ‘big’ together can draw at most 0.25 from ‘fits’, 0.22 from ‘trophy’, " +
        "0.20 from ‘the’ · 1.00 from CLS, 0.50 from SEP",
    );
  });

  test("what is not computed yet is said, not guessed", () => {
    const relevance = rowOf({ 0: 1, 1: 0.2, 2: 0.22 }).fill(Number.NaN, 3);
    expect(say(frame({ relevance }))).toBe(
      "‘it’ can draw at most 0.22 from ‘trophy’, 0.20 from ‘the’ · 3 of 8 inputs done",
    );
  });

  test("when only the token itself limits, every input has the same value", () => {
    const relevance = new Float64Array(8).fill(1);
    const relevanceBinding = TEXT.map(() => "source" as const);
    expect(say(frame({ relevance, relevanceBinding }))).toBe(
      "‘it’ can draw at most 1.00 from each input. The only limit is ‘it’: all it can draw is used",
    );
  });

  test("when most inputs give all they have, that is the limit", () => {
    const relevanceBinding = TEXT.map((_, i) =>
      i < 2 ? ("interior" as const) : ("sink" as const),
    );
    expect(say(frame({ relevanceBinding }))).toContain(
      ". For 6 of 8 the only limit is what the input gives on",
    );
  });

  test("a pair limited inside: how many edges are full, and where most of the cut is", () => {
    const cut = [
      { block: 0, query: 1, key: 5, capacity: 0.1 },
      { block: 2, query: 4, key: 5, capacity: 0.3 },
      { block: 3, query: 4, key: 1, capacity: 0.207 },
      { block: 3, query: 4, key: 2, capacity: 0 },
    ];
    const trace = { ...flow, sinks: [5], flow: { ...flowOf(0.607, "interior"), cut } };
    const pair = frameOf({ method: "flow", trace });
    expect(say(pair)).toBe(
      "‘it’ can draw at most 0.61 from ‘big’. 3 edges are full: the cut, " +
        "about half of it in layer 3. Beyond it ‘big’ could give more.",
    );
    expect(describeFrame(pair).spans.filter(({ tone }) => tone === "cut")).toEqual([
      { text: "the cut", tone: "cut" },
    ]);
  });

  test("a pair limited by an end says which, and that the value would be the same elsewhere", () => {
    const relevanceBinding = TEXT.map((_, i) =>
      i < 5 ? ("source" as const) : ("interior" as const),
    );
    const by = (binding: "source" | "sink" | "both") =>
      say(frame({ sinks: [3], flow: flowOf(1, binding), relevanceBinding }));
    expect(by("source")).toBe(
      "‘it’ can draw at most 1.00 from ‘fits’. The limit is ‘it’: all it can draw is used, " +
        "as with 4 other inputs.",
    );
    expect(by("sink")).toBe(
      "‘it’ can draw at most 1.00 from ‘fits’. The limit is ‘fits’: all it gives on is used, " +
        "whichever output draws it.",
    );
    expect(by("both")).toContain("Both ends are used up");
  });

  test("no way, no flow", () => {
    expect(say(frame({ sinks: [7], flow: flowOf(0, "both") }))).toBe(
      "‘it’ can draw nothing from SEP: no way leads there.",
    );
  });

  test("an input alone gives", () => {
    expect(say(frame({ sources: null, sinks: [5], direction: "up" }))).toMatch(
      /^‘big’ can give at most 0.85 to ‘it’, 0.25 to ‘fits’, 0.22 to ‘trophy’ at layer 4 · /,
    );
  });

  test("nothing selected: asks for a token until every cell is known", () => {
    const values = new Float64Array(64).fill(0.1);
    values[4 * 8 + 5] = 0.607;
    values[4 * 8 + 4] = 0.9;
    const given = { method: "flow" as const, trace: null, selected: [] };
    const known = matrixOf(values, { method: "flow" });
    expect(say(frameOf({ ...given, matrix: known }))).toBe(
      "Between words at most 0.61 can flow: ‘it’ from ‘big’ · pick a token to see what it can draw",
    );
    const unknown = values.map((value, i) => (i === 3 ? Number.NaN : value));
    const partly = matrixOf(unknown, { method: "flow" });
    expect(say(frameOf({ ...given, matrix: partly }))).toBe("Pick a token to see what it can draw");
  });
});

describe("facts", () => {
  test("name what differs from the default, and the residual", () => {
    expect(facts({ levels: [0, 6] })).toBe("rollout · residual 0.65");
    expect(facts({ heads: 3 })).toBe("rollout · layers input–4 · head 3 · residual 0.65");
    expect(facts({ heads: 0, levels: [0, 6] })).toBe("rollout · head 0 · residual 0.65");
    expect(facts({ heads: [1, 4], levels: [2, 6] })).toBe(
      "rollout · layers 2–6 · heads 1, 4 · residual 0.65",
    );
    expect(facts({ heads: "max", levels: [0, 6] })).toBe("rollout · max of heads · residual 0.65");
    expect(facts({ topHead: 0, levels: [0, 6] })).toBe(
      "rollout · head 0 in layer 6 · residual 0.65",
    );
    expect(facts({ residualPerLayer: [0.1, 0.9], levels: [0, 6] })).toBe(
      "rollout · residual per layer",
    );
  });

  test("raw attention has a layer and no residual", () => {
    expect(facts({ method: "attention", levels: [0, 4] })).toBe("attention · layer 4");
  });
});
