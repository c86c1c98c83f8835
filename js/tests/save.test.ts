import { describe, expect, test } from "vitest";
import { plain, strong } from "../src/phrases";
import { composePicture, fileName, moved, wrapSpans } from "../src/save";
import type { Mark } from "../src/scene";
import { frameOf, rowOf, traceOf } from "./frames";
import { measure } from "./stages";

const style = () => ({ size: 16, weight: 400, fill: "#000" });

describe("sentence", () => {
  const spans = [
    strong("‘it’"),
    plain(" at layer 4 draws "),
    strong("9\u00a0%"),
    plain(" from CLS"),
  ];

  test("spaces between spans become distance, since a picture drops them", () => {
    const placed = wrapSpans(spans, 1000, style, measure);
    expect(placed.map(({ text }) => text)).toEqual([
      "‘it’",
      "at layer 4 draws",
      "9\u00a0%",
      "from CLS",
    ]);
    const space = measure(" ", 16, 400);
    for (const [i, { x, text }] of placed.entries()) {
      if (i === 0) continue;
      const before = placed[i - 1]!;
      const gap = x - (before.x + measure(before.text, 16, 400));
      expect(gap).toBeCloseTo(space, 6);
      expect(text).toBe(text.trim());
    }
  });

  test("lines end between words and within the width", () => {
    const placed = wrapSpans(spans, 120, style, measure);
    expect(new Set(placed.map(({ line }) => line)).size).toBeGreaterThan(1);
    for (const { x, text } of placed) {
      expect(x + measure(text, 16, 400)).toBeLessThanOrEqual(120);
    }
    const words = placed.map(({ text }) => text).join(" ");
    expect(words).toBe("‘it’ at layer 4 draws 9\u00a0% from CLS");
  });

  test("a word wider than the picture still has a line", () => {
    const placed = wrapSpans([plain("x".repeat(80))], 100, style, measure);
    expect(placed).toHaveLength(1);
  });
});

describe("picture", () => {
  const frame = frameOf({ trace: traceOf({ relevance: rowOf({ 2: 0.5, 4: 0.5 }) }) });
  const dot: Mark = { kind: "circle", x: 5, y: 7, r: 2, fill: "#000" };
  const parts = [{ marks: [dot], y: 30, height: 100 }];

  test("has the sentence on top, and everything else below it", () => {
    const picture = composePicture(frame, parts, measure);
    const texts = picture.marks.flatMap((mark) => (mark.kind === "text" ? [mark] : []));
    const lowest = Math.max(...texts.map(({ y }) => y));
    const shown = picture.marks.find(({ kind }) => kind === "circle");
    expect(picture.title).toMatch(/^‘it’ at layer 4 draws/);
    expect(texts.map(({ text }) => text).join(" ")).toContain("residual 0.65");
    expect(shown).toMatchObject({ x: 5 });
    expect(shown?.kind === "circle" && shown.y - 37).toBeGreaterThan(lowest - 10);
    expect(picture.height).toBeGreaterThanOrEqual(lowest + 130);
    expect(picture.width).toBe(frame.width);
  });

  test("what is hidden is told in it", () => {
    const hidden = frame.tokens.filter(({ special }) => special);
    const { marks } = composePicture({ ...frame, hidden }, parts, measure);
    const words = marks.map((mark) => (mark.kind === "text" ? mark.text : "")).join(" ");
    expect(words).toContain("CLS and SEP hidden");
  });

  test("moving a mark moves all of it", () => {
    const line: Mark = { kind: "line", x0: 0, y0: 1, x1: 2, y1: 3, width: 1, color: "#000" };
    expect(moved(line, 10, 20)).toEqual({ ...line, x0: 10, y0: 21, x1: 12, y1: 23 });
    expect(moved(dot, 1, 2)).toEqual({ ...dot, x: 6, y: 9 });
  });

  test("a file's name has letters that every file system takes", () => {
    expect(fileName(frame, "svg")).toBe("rollout-it.svg");
    const odd = frameOf({ selected: [[4, 0]] }, ["../<a>:b\u0000", "x"]);
    expect(fileName(odd, "png")).toBe("rollout-ab.png");
    expect(fileName(frameOf({ selected: [], method: "flow" }), "png")).toBe("flow.png");
  });
});
