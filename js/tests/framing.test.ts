import { describe, expect, test } from "vitest";
import { makeTheme } from "../src/color";
import type { ViewState } from "../src/frame";
import { FrameBuilder, type Moving } from "../src/framing";
import type { WidgetState } from "../src/model";
import { sent, wrapped } from "./stages";

function builder(state: WidgetState) {
  const pace: Moving & { moving: boolean } = { moving: false, step: () => undefined };
  const made = new FrameBuilder(wrapped(state), pace);
  const view: ViewState = {
    width: 1200,
    tab: "graph",
    fusion: "mean",
    hovered: null,
    localError: "",
    screen: null,
  };
  const scaleAt = (change: Partial<WidgetState>) => {
    Object.assign(state, change);
    return made.build(view, makeTheme(false)).matrix!.scale;
  };
  return { made, pace, scaleAt };
}

describe("the colours of a dragged residual", () => {
  const fresh = (residual: number) => builder(sent.rollout()).scaleAt({ residual });

  test("keep their scale under the hand, and get their own when it rests", () => {
    const { made, pace, scaleAt } = builder(sent.rollout());
    const before = scaleAt({ residual: 0.5 });
    pace.moving = true;
    expect(scaleAt({ residual: 0.1 })).toBe(before);
    expect(scaleAt({ residual: 0.9 })).toBe(before);
    pace.moving = false;
    expect(made.settle()).toBe(true);
    const after = scaleAt({});
    expect([after.knee, after.max]).toEqual([fresh(0.9).knee, fresh(0.9).max]);
    expect([after.knee, after.max]).not.toEqual([before.knee, before.max]);
    expect(made.settle()).toBe(false);
  });

  test("but other heads, levels or scales have their own at once", () => {
    const { pace, scaleAt } = builder(sent.rollout());
    const before = scaleAt({ residual: 0.5 });
    pace.moving = true;
    expect(scaleAt({ residual: 0.2, heads: 5 })).not.toBe(before);
    const linear = scaleAt({ color_scale: "linear" });
    expect(linear.knee).toBe(linear.max);
  });
});
