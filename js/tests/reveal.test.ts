import { describe, expect, test } from "vitest";
import type { Focus } from "../src/layout/overlay";
import { layoutStage } from "../src/layout/stage";
import { ease, revealed, traceKey } from "../src/views/reveal";
import { focusNow, stageKey } from "../src/views/stage_keys";
import { frameFrom, measure, sent, walk } from "./stages";

describe("a trace coming in", () => {
  test("starts at the output, 40 ms a block, each in 160 ms", () => {
    expect(revealed(0, 4, "down")).toEqual([0, 0, 0, 0]);
    const [first, , , last] = revealed(100, 4, "down");
    expect(last).toBeGreaterThan(first!);
    expect(revealed(160, 4, "down")[3]).toBe(1);
    expect(revealed(160 + 3 * 40, 4, "down")).toEqual([1, 1, 1, 1]);
    expect(revealed(160 + 3 * 40 - 20, 4, "down")[0]).toBeLessThan(1);
  });

  test("starts at the input when it runs upwards", () => {
    expect(revealed(160, 3, "up")[0]).toBe(1);
    expect(revealed(160, 3, "up")[2]).toBeLessThan(1);
  });

  test.each([1, 2, 12, 48])("takes at most 400 ms with %i blocks", (blocks) => {
    expect(revealed(400, blocks, "down").every((share) => share === 1)).toBe(true);
  });

  test("moves fast and settles", () => {
    expect(ease(0)).toBe(0);
    expect(ease(1)).toBe(1);
    expect(ease(0.5)).toBeGreaterThan(0.8);
    for (let i = 1; i <= 50; i++) expect(ease(i / 50)).toBeGreaterThanOrEqual(ease((i - 1) / 50));
  });

  test("another residual of one selection is the same trace, another token is not", () => {
    const state = sent.rollout();
    const at = (residual: number) => traceKey(frameFrom({ ...state, residual }).trace);
    expect(at(0.1)).toBe(at(0.9));
    expect(traceKey(walk(5, 2, 1))).not.toBe(traceKey(walk(5, 2, 2)));
  });
});

describe("keys", () => {
  const frame = frameFrom(sent.rollout());
  const layout = layoutStage(frame, 27, measure);
  const node = (level: number, token: number): Focus => ({ kind: "node", node: [level, token] });
  const moved = (focus: Focus | null, key: string) => stageKey(focus, key, frame, layout);
  const now = (focus: Focus | null) => focusNow(focus, frame, layout);

  test("a walk begins at the selection", () => {
    expect(now(null)).toEqual(node(4, 10));
  });

  test.each([
    ["ArrowUp", 2, 4],
    ["ArrowDown", 2, 6],
    ["ArrowLeft", 1, 5],
    ["ArrowRight", 3, 5],
    ["Home", 2, 0],
    ["End", 2, 15],
    ["PageDown", 2, 15],
    ["PageUp", 2, 0],
  ])("%s", (key, level, token) => {
    expect(moved(node(2, 5), key)).toEqual(node(level, token));
  });

  test("stops at the edges", () => {
    expect(moved(node(0, 0), "ArrowLeft")).toEqual(node(0, 0));
    expect(moved(node(0, 0), "ArrowUp")).toEqual(node(0, 0));
    expect(moved(node(4, 15), "ArrowRight")).toEqual(node(4, 15));
    expect(moved(node(4, 15), "ArrowDown")).toEqual(node(4, 15));
  });

  test("a node that is no longer on show moves to the nearest that is", () => {
    expect(now(node(6, 99))).toEqual(node(4, 15));
  });

  test("other keys are not the stage's", () => {
    for (const key of ["b", "Tab", "Escape", "h", "?"]) expect(moved(node(1, 1), key)).toBeNull();
  });
});
