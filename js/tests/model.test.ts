import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Model, type WidgetState } from "../src/model";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("requestAnimationFrame", (act: () => void) => setTimeout(act, 16));
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

function model() {
  const state: Partial<WidgetState> = {};
  const sent: Partial<WidgetState>[] = [];
  const controller = new AbortController();
  const made = new Model(
    {
      set: (name: string, value: unknown) => Object.assign(state, { [name]: value }),
      save_changes: () => sent.push({ ...state }),
    } as unknown as ConstructorParameters<typeof Model>[0],
    controller.signal,
  );
  return { made, state, sent, remove: () => controller.abort() };
}

test("what is set in one frame is one message", () => {
  const { made, sent } = model();
  made.update({ levels: [0, 4], heads: 3 });
  made.set("residual", 0.4);
  vi.advanceTimersByTime(20);
  expect(sent).toEqual([{ levels: [0, 4], heads: 3, residual: 0.4 }]);
});

test("a drag is set at every step, sent a few times a second, and to its last value", () => {
  const { made, state, sent } = model();
  for (let step = 1; step <= 60; step++) {
    made.set("residual", step / 100, true);
    expect(state.residual).toBe(step / 100);
    vi.advanceTimersByTime(16);
  }
  expect(sent.length).toBeGreaterThan(4);
  expect(sent.length).toBeLessThan(9);
  vi.advanceTimersByTime(200);
  expect(sent.at(-1)).toEqual({ residual: 0.6 });
});

test("at its end the last value goes at once, and once", () => {
  const { made, sent } = model();
  made.set("residual", 0.1, true);
  vi.advanceTimersByTime(20);
  made.set("residual", 0.2, true);
  made.flush();
  expect(sent.map(({ residual }) => residual)).toEqual([0.1, 0.2]);
  vi.advanceTimersByTime(500);
  made.flush();
  expect(sent).toHaveLength(2);
});

test("what cannot wait takes along what could", () => {
  const { made, sent } = model();
  made.set("residual", 0.1, true);
  vi.advanceTimersByTime(20);
  made.set("residual", 0.2, true);
  made.set("heads", 3);
  vi.advanceTimersByTime(20);
  expect(sent.at(-1)).toEqual({ residual: 0.2, heads: 3 });
  vi.advanceTimersByTime(500);
  expect(sent).toHaveLength(2);
});

test("a view that goes in the middle of a drag leaves the kernel its last value", () => {
  const { made, sent, remove } = model();
  made.set("residual", 0.1, true);
  vi.advanceTimersByTime(20);
  made.set("residual", 0.2, true);
  remove();
  expect(sent.at(-1)).toEqual({ residual: 0.2 });
});
