import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { PATIENCE, SILENCE } from "../../src/presence";
import { open } from "./fake";

describe("the kernel behind the picture", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const said = (find: (selector: string) => HTMLElement): string | null =>
    find(".aw-message").hidden ? null : find(".aw-message-words").textContent;

  test("its silence is told once a question has waited, and taken back when it answers", async () => {
    const view = open();
    view.change({ selected: [[6, 3]] });
    vi.advanceTimersByTime(PATIENCE - 1);
    await view.drawn();
    expect(said(view.find)).toBeNull();
    vi.advanceTimersByTime(1);
    await view.drawn();
    expect(said(view.find)?.replace(/\s+/g, "")).toBe(SILENCE.replace(/\s+/g, ""));
    view.tell({ type: "here" });
    await view.drawn();
    expect(said(view.find)).toBeNull();
    view.close();
  });

  test("a residual asks nothing, and a kernel that has greeted is not doubted", async () => {
    const view = open();
    view.change({ residual: 0.8 });
    vi.advanceTimersByTime(2 * PATIENCE);
    await view.drawn();
    expect(said(view.find)).toBeNull();
    view.tell({ type: "here" });
    view.change({ selected: [[6, 3]] });
    vi.advanceTimersByTime(2 * PATIENCE);
    await view.drawn();
    expect(said(view.find)).toBeNull();
    view.close();
    expect(view.listeners()).toBe(0);
  });
});
