import { describe, expect, test } from "vitest";
import type { Frame } from "../src/frame";
import { keepApart, spread } from "../src/layout/spread";
import { layoutStage } from "../src/layout/stage";
import { figure, fitText, tokenLabels } from "../src/layout/text";
import type { Text } from "../src/scene";
import { frameOf } from "./frames";
import { frameFrom, measure, random, sent, stageFrame } from "./stages";

const lay = (frame: Frame) => layoutStage(frame, 27, measure);
const texts = (marks: readonly { kind: string }[]) =>
  marks.filter((mark): mark is Text => mark.kind === "text");

describe("keeping labels apart", () => {
  test("labels with room stay where they are", () => {
    expect(spread([10, 50, 90], 15, 0, 100)).toEqual([10, 50, 90]);
  });

  test("two that collide move by the same amount", () => {
    expect(spread([50, 52], 15, 0, 100)).toEqual([43.5, 58.5]);
  });

  test.each([1, 2, 3, 4, 5])("any wish is granted in order, apart and inside, seed %i", (seed) => {
    const next = random(seed);
    const wanted = Array.from({ length: 12 }, () => next() * 300).sort((a, b) => a - b);
    const positions = spread(wanted, 15, 5, 295);
    for (const [i, position] of positions.entries()) {
      expect(position).toBeGreaterThanOrEqual(5 - 1e-9);
      expect(position).toBeLessThanOrEqual(295 + 1e-9);
      if (i > 0) expect(position - positions[i - 1]!).toBeGreaterThanOrEqual(15 - 1e-9);
    }
  });

  test("the strongest keep their place, what is too near to them goes", () => {
    const at = [0, 4, 30, 33, 60];
    expect(keepApart([3, 0, 1, 2, 4], (i) => at[i]!, 10)).toEqual([0, 3, 4]);
    expect(keepApart([3, 0, 1, 2, 4], (i) => at[i]!, 10, 2)).toEqual([0, 3]);
  });
});

describe("texts", () => {
  test("what fits is left alone", () => {
    expect(fitText("trophy", 12, 400, 96, measure)).toBe("trophy");
  });

  test("what does not loses its middle", () => {
    const short = fitText("internationalis", 12.5, 620, 60, measure);
    expect(short).toMatch(/^int.*….*lis$/);
    expect(measure(short, 12.5, 620)).toBeLessThanOrEqual(60);
  });

  test("an emoji of several code points is never taken apart", () => {
    const family = "\u{1F468}\u200D\u{1F469}\u200D\u{1F467}";
    const short = fitText(family.repeat(6), 12.5, 620, 130, measure);
    expect(short.replaceAll(family, "")).toBe("…");
  });

  test("labels of any token take at most 96 px", () => {
    const given = [
      "",
      "a".repeat(5000),
      "word\nword",
      "<script>",
      "עברית ארוכה מאוד כאן",
      "漢".repeat(40),
    ];
    for (const label of tokenLabels(frameOf({}, given).tokens, measure)) {
      expect(label.width).toBeLessThanOrEqual(96);
      expect(label.text).not.toBe("");
      expect(label.text).not.toContain("\n");
    }
  });

  test.each([
    [0.21, "21"],
    [0.0204, "2"],
    [0.0142, "1.4"],
    [0, "0"],
  ])("%f is %s of a hundred", (value, text) => {
    expect(figure(value, false)).toBe(text);
  });

  test("a flow has two decimals", () => {
    expect(figure(0.607, true)).toBe("0.61");
  });
});

describe("rows with room", () => {
  const frame = frameFrom(sent.rollout());
  const { rows, zones } = lay(frame);

  test("every token has its label on both sides, on its own row", () => {
    expect(rows.inputs).toHaveLength(16);
    expect(rows.outputs).toHaveLength(16);
    for (const { token, y } of [...rows.inputs, ...rows.outputs]) {
      expect(y).toBeCloseTo(zones.top + (token + 0.5) * zones.pitch, 9);
    }
  });

  test("inputs carry their share, and those of 4 % and more are strong", () => {
    const label = texts(rows.marks).find((mark) => mark.text === "big" && mark.anchor === "end");
    expect(label?.weight).toBe(560);
    const figures = texts(rows.marks).filter((mark) => /^\d/.test(mark.text));
    const shown = figures.map((mark) => mark.text);
    expect(shown).toEqual(Array.from(frame.trace!.relevance, (v) => figure(v, false)));
  });

  test("bars are linear in the share, the longest 62 px", () => {
    const bars = rows.marks.flatMap((mark) =>
      mark.kind === "rect" && mark.x + mark.w === zones.bars.right ? [mark.w] : [],
    );
    const shares = [...frame.trace!.relevance];
    const largest = Math.max(...shares);
    for (const [i, share] of shares.entries()) {
      expect(bars[i]).toBeCloseTo(Math.max(1, (62 * share) / largest), 6);
    }
  });

  test("the selected output wears the pill", () => {
    const pill = rows.marks.find((mark) => mark.kind === "rect" && mark.fill === frame.theme.pill);
    if (pill?.kind !== "rect") throw new Error("no pill");
    const label = texts(rows.marks).find((mark) => mark.fill === frame.theme.onPill);
    expect(label?.text).toBe("it");
    expect(pill.x).toBe(zones.outputs.left - 8);
  });

  test("a share that is still being computed has a track and no figure", () => {
    const relevance = frame.trace!.relevance.slice();
    relevance[5] = Number.NaN;
    const pending = lay({ ...frame, trace: { ...frame.trace!, relevance } });
    const shown = texts(pending.rows.marks).filter((mark) => /^\d/.test(mark.text));
    expect(shown).toHaveLength(15);
    expect(texts(pending.rows.marks).some((mark) => mark.text.includes("NaN"))).toBe(false);
  });
});

test("a trace upwards has its figures beside the outputs", () => {
  const frame = frameFrom(sent.rollout());
  const up = lay({ ...frame, selected: [[0, 8]], trace: { ...frame.trace!, direction: "up" } });
  const figures = texts(up.rows.marks).filter((mark) => /^\d/.test(mark.text));
  expect(figures).toHaveLength(16);
  for (const mark of figures) {
    expect(mark.x).toBeGreaterThan(up.zones.outputs.left);
    expect(mark.x).toBeLessThan(up.zones.matrix!.x);
  }
});

describe.each([46, 128, 512, 1024])("%i tokens", (n) => {
  const source = n - 3;
  const layout = lay(stageFrame(n, 3, {}, source));
  const { rows, zones } = layout;

  test("labels thin out, and none touches the next", () => {
    expect(zones.thin).toBe(true);
    for (const placed of [rows.inputs, rows.outputs]) {
      const ys = placed.map(({ y }) => y);
      for (let i = 1; i < ys.length; i++)
        expect(ys[i]! - ys[i - 1]!).toBeGreaterThanOrEqual(15 - 1e-9);
    }
    expect(rows.inputs.length).toBeGreaterThan(0);
    expect(rows.inputs.length).toBeLessThanOrEqual(12);
  });

  test("the selected output stays, among the indices", () => {
    expect(rows.outputs.map(({ token }) => token)).toEqual([source]);
    const ticks = texts(rows.marks).filter((mark) => /^\d+$/.test(mark.text) && mark.size === 10);
    expect(ticks.map((mark) => mark.text)).toContain("0");
    const ys = [...ticks.map((mark) => mark.y), rows.outputs[0]!.y].sort((a, b) => a - b);
    for (let i = 1; i < ys.length; i++) expect(ys[i]! - ys[i - 1]!).toBeGreaterThan(10);
  });

  test("columns keep at most six names, far enough apart to read", () => {
    const xs = layout.columns.placed.map(({ x }) => x);
    expect(xs.length).toBeGreaterThan(0);
    expect(xs.length).toBeLessThanOrEqual(6);
    for (let i = 1; i < xs.length; i++) expect(xs[i]! - xs[i - 1]!).toBeGreaterThanOrEqual(15);
    for (const { x, width } of layout.columns.placed) {
      expect(x + width * Math.cos((52 * Math.PI) / 180)).toBeLessThan(zones.width);
    }
    expect(zones.matrix!.x + zones.matrix!.w).toBeCloseTo(zones.width - zones.padding, 6);
  });
});
