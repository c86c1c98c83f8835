import { describe, expect, test, vi } from "vitest";
import { Foot } from "../../src/views/foot";
import { Message } from "../../src/views/message";
import { ProgressLine } from "../../src/views/progress";
import { SentenceView } from "../../src/views/sentence";
import { frameOf, rowOf, traceOf } from "../frames";
import { listenersLeft, mount } from "./mount";

describe("error", () => {
  const message = (error: string) => mount((context) => new Message(context), frameOf({ error }));

  test("is said in one sentence, with the mend below, and can be dismissed", () => {
    const { view, find, calls, show } = message(
      "Row 11 (‘it’) of layer 3 sums to 0.62. Put the model in evaluation mode.",
    );
    expect(view.el.hidden).toBe(false);
    expect(view.el.getAttribute("role")).toBe("alert");
    expect(find(".aw-message-what").textContent).toBe("Row 11 (‘it’) of layer 3 sums to 0.62.");
    expect(find(".aw-message-mend").textContent).toBe("Put the model in evaluation mode.");
    find("[data-action=dismiss]").click();
    expect(calls).toEqual([["dismissError"]]);
    show({ error: "" });
    expect(view.el.hidden).toBe(true);
  });

  test("markup in it is text", () => {
    const { find } = message("<img src=x> is no method");
    expect(find(".aw-message-what").textContent).toBe("<img src=x> is no method");
  });

  test("one sentence stays whole", () => {
    const { find } = message("residual is 1.5; give a number from 0 to 1");
    expect(find(".aw-message-what").textContent).toBe("residual is 1.5; give a number from 0 to 1");
    expect(find(".aw-message-mend").hidden).toBe(true);
  });
});

describe("progress", () => {
  test("the line shows how far the work has come, or that nobody knows", () => {
    const { view, show } = mount((context) => new ProgressLine(context), frameOf());
    expect(view.el.getAttribute("role")).toBeNull();
    show({ progress: { text: "Flow: 7 of 16 inputs", fraction: 7 / 16 } });
    expect(view.el.getAttribute("aria-valuenow")).toBe("44");
    const bar = view.el.firstElementChild!.getBoundingClientRect();
    expect(bar.width / view.el.getBoundingClientRect().width).toBeCloseTo(0.44, 2);
    show({ progress: { text: "Flow", fraction: null } });
    expect(view.el.hasAttribute("aria-valuenow")).toBe(false);
    expect(view.el.getAttribute("role")).toBe("progressbar");
    show({ progress: null });
    expect(view.el.getAttribute("role")).toBeNull();
  });

  test("takes the place of the facts, with a way to stop", () => {
    const { find, calls, show } = mount((context) => new SentenceView(context), frameOf());
    show({ progress: { text: "Flow: 7 of 16 inputs", fraction: 0.4 } });
    expect(find(".aw-facts").hidden).toBe(true);
    expect(find(".aw-work").textContent).toBe("Flow: 7 of 16 inputs · Stop");
    find("[data-action=stop]").click();
    expect(calls).toEqual([["stop"]]);
    show({ progress: null });
    expect(find(".aw-facts").hidden).toBe(false);
    expect(find(".aw-work").hidden).toBe(true);
  });
});

describe("sentence", () => {
  const share = (value: number) => ({
    trace: traceOf({ relevance: rowOf({ 2: value, 4: 1 - value }) }),
  });

  test("is seen at once, and spoken at most every half second, the last state for certain", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { find, show } = mount((context) => new SentenceView(context), frameOf(share(0.1)));
      const spoken = find("[aria-live=polite]");
      vi.advanceTimersByTime(0);
      expect(spoken.textContent).toContain("10\u00a0%");
      const heard = new Set<string | null>();
      for (let i = 1; i <= 30; i++) {
        show(share(0.1 + i / 100));
        expect(find(".aw-sentence").textContent).toContain(`${10 + i}\u00a0%`);
        vi.advanceTimersByTime(16);
        heard.add(spoken.textContent);
      }
      expect(heard.size).toBe(1);
      vi.advanceTimersByTime(500);
      expect(spoken.textContent).toContain("40\u00a0%");
    } finally {
      vi.useRealTimers();
    }
  });

  test("a removed view speaks no more", () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    try {
      const { find, remove } = mount((context) => new SentenceView(context), frameOf(share(0.1)));
      const spoken = find("[aria-live=polite]");
      remove();
      expect(vi.getTimerCount()).toBe(0);
      expect(spoken.textContent).toBe("");
    } finally {
      vi.useRealTimers();
    }
  });

  test("a medium width drops the aside and the facts, and keeps the finding", () => {
    const { find, show } = mount((context) => new SentenceView(context), frameOf(share(0.1)));
    expect(find(".aw-sentence").innerText).toContain("stays");
    show({ size: "medium" });
    expect(find(".aw-sentence").innerText).not.toContain("stays");
    expect(find(".aw-sentence").innerText).toContain("draws");
    expect(find(".aw-facts").innerText).toBe("");
    // What is left out of the picture is said at every width.
    const hidden = frameOf().tokens.filter(({ special }) => special);
    show({ hidden, dropped: new Set([2]), note: "One row was left without mass." });
    expect(find(".aw-facts").innerText).toBe(
      "trophy dropped · CLS and SEP hidden · One row was left without mass.",
    );
  });
});

test("tabs are there where there is no room for both", () => {
  const { find, calls, show } = mount((context) => new Foot(context), frameOf());
  expect(find("[data-control=tab]").hidden).toBe(true);
  show({ size: "narrow" });
  expect(find("[data-control=tab]").hidden).toBe(false);
  find("[data-value=matrix]").click();
  expect(calls).toEqual([["setTab", "matrix"]]);
});

test("removed views leave no listener", () => {
  for (const View of [Message, SentenceView, Foot]) {
    const left = listenersLeft(() => ({ end: mount((context) => new View(context)).remove }));
    expect(left).toBe(0);
  }
});
