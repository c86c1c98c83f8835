import { describe, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import type { Frame } from "../../src/frame";
import { Toolbar } from "../../src/views/toolbar";
import { frameOf } from "../frames";
import { mount } from "./mount";

function layers(given: Partial<Frame> = {}) {
  const mounted = mount((context) => new Toolbar(context), frameOf(given));
  const start = mounted.find<HTMLInputElement>("[data-control=layers-start]");
  const stop = mounted.find<HTMLInputElement>("[data-control=layers-stop]");
  const track = start.closest<HTMLElement>(".aw-slider")!;
  /** Press, drag and let go, in layers from the left end of the track. */
  const drag = (...stops: number[]): void => {
    const { left, width, top } = track.getBoundingClientRect();
    const at = (layer: number): PointerEventInit => ({
      clientX: left + (layer / 6) * width,
      clientY: top + 14,
      pointerId: 1,
      bubbles: true,
      cancelable: true,
    });
    track.dispatchEvent(new PointerEvent("pointerdown", at(stops[0]!)));
    for (const next of stops.slice(1))
      track.dispatchEvent(new PointerEvent("pointermove", at(next)));
    track.dispatchEvent(new PointerEvent("pointerup", at(stops.at(-1)!)));
  };
  return { ...mounted, start, stop, track, drag };
}

describe("two handles", () => {
  test("show the range in figures and in words", () => {
    const { start, stop, track } = layers({ levels: [0, 4] });
    expect([start.value, stop.value]).toEqual(["0", "4"]);
    expect(start.getAttribute("aria-valuetext")).toBe("from the input");
    expect(stop.getAttribute("aria-valuetext")).toBe("to layer 4");
    expect(track.closest(".aw-control")?.textContent).toBe("Layersinput–4");
    expect(track.querySelectorAll(".aw-tick")).toHaveLength(7);
  });

  test("the keyboard moves each, and they never cross", async () => {
    const { start, stop, calls, show } = layers({ levels: [0, 2] });
    start.focus();
    await userEvent.keyboard("{ArrowRight}");
    expect(calls.at(-1)).toEqual(["setLevels", 1, 2]);
    show({ levels: [1, 2] });
    const before = calls.length;
    await userEvent.keyboard("{ArrowRight}");
    expect(calls.length).toBe(before);
    expect(start.value).toBe("1");
    stop.focus();
    await userEvent.keyboard("{ArrowLeft}{End}");
    expect(calls.slice(before)).toEqual([["setLevels", 1, 6]]);
  });

  test("a drag takes the nearest handle and stops one layer before the other", () => {
    const { drag, calls } = layers({ levels: [0, 4] });
    drag(0.4, 2, 5);
    expect(calls).toEqual([
      ["setLevels", 2, 4],
      ["setLevels", 3, 4],
    ]);
  });

  test("a press on the track moves the nearest handle there", () => {
    const { drag, calls } = layers({ levels: [0, 4] });
    drag(6);
    expect(calls).toEqual([["setLevels", 0, 6]]);
  });

  test("after the press is over, moving does nothing", () => {
    const { drag, track, calls } = layers({ levels: [0, 4] });
    drag(4, 5);
    track.dispatchEvent(new PointerEvent("pointermove", { clientX: 0, bubbles: true }));
    expect(calls).toEqual([["setLevels", 0, 5]]);
  });

  test("one layer only: nowhere to go", () => {
    const { start, stop } = layers({ levels: [0, 1], nLayers: 1 });
    expect([start.value, start.max, stop.value, stop.min]).toEqual(["0", "0", "1", "1"]);
  });
});

describe("one handle, with raw attention", () => {
  const attention = { method: "attention" as const };

  test("picks the layer and keeps the start where it can", async () => {
    const { stop, calls, track } = layers({ ...attention, levels: [2, 4] });
    expect(track.closest(".aw-control")?.textContent).toBe("Layer4");
    expect(stop.getAttribute("aria-label")).toBe("Layer");
    await userEvent.fill(stop, "6");
    await userEvent.fill(stop, "2");
    expect(calls).toEqual([
      ["setLevels", 2, 6],
      ["setLevels", 1, 2],
    ]);
  });

  test("the other handle is gone, for the pointer as for the keyboard", () => {
    const { start, drag, calls } = layers({ ...attention, levels: [0, 4] });
    expect(start.disabled).toBe(true);
    drag(0);
    expect(calls).toEqual([["setLevels", 0, 1]]);
  });
});
