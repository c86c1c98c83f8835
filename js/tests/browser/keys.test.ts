import { beforeEach, describe, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import type { Frame } from "../../src/frame";
import { installKeys } from "../../src/views/keys";
import { Toolbar } from "../../src/views/toolbar";
import { frameOf } from "../frames";
import { listenersLeft, mount } from "./mount";

const leaked: string[] = [];

beforeEach(() => {
  leaked.length = 0;
});

function keys(given: Partial<Frame> = {}) {
  const mounted = mount((context) => new Toolbar(context), frameOf(given));
  installKeys(mounted.root, mounted.context, () => mounted.frame());
  document.addEventListener("keydown", (event) => leaked.push(event.key), {
    signal: mounted.context.signal,
  });
  mounted.find("[data-action=help]").focus();
  return { ...mounted, press: (text: string) => userEvent.keyboard(text) };
}

test("no key reaches the notebook, but Tab and combinations do", async () => {
  const { press, find } = keys();
  await press("abdz{Enter}{Enter}{ArrowUp}{Escape}");
  expect(leaked).toEqual([]);
  find("[data-control=residual]").focus();
  await press("{ArrowLeft}b");
  expect(leaked).toEqual([]);
  await press("{Control>}s{/Control}{Tab}");
  expect(leaked.filter((key) => key !== "Control")).toEqual(["s", "Tab"]);
});

describe("Escape", () => {
  test("stops the work first, then clears the selection, then the error", async () => {
    const { press, calls, show } = keys({
      error: "wrong",
      progress: { text: "Flow", fraction: null },
    });
    await press("{Escape}");
    expect(calls.at(-1)).toEqual(["stop"]);
    show({ progress: null });
    await press("{Escape}");
    expect(calls.at(-1)).toEqual(["setSelected", []]);
    show({ selected: [] });
    await press("{Escape}");
    expect(calls).toHaveLength(3);
    expect(calls.at(-1)).toEqual(["dismissError"]);
  });

  test("ends a comparison before it clears the selection", async () => {
    const { press, calls } = keys({ compared: [0, 1] });
    await press("{Escape}");
    expect(calls).toEqual([["endComparison"]]);
  });

  test("closes an open panel and nothing else", async () => {
    const { press, find, calls } = keys();
    find("[data-action=help]").click();
    await press("{Escape}");
    expect(find("[data-action=help]").getAttribute("aria-expanded")).toBe("false");
    expect(calls).toEqual([]);
  });
});

test("p pins what is shown, but not the difference of two pins", async () => {
  const { press, show, calls } = keys();
  await press("p");
  expect(calls).toEqual([["pinCurrent"]]);
  show({ compared: [0, 1] });
  await press("p");
  expect(calls).toHaveLength(1);
});

test("brackets step the layers and stop at the ends", async () => {
  const { press, show, calls } = keys({ levels: [0, 5] });
  // A bracket is written twice for the test driver to type it.
  await press("]");
  expect(calls).toEqual([["setLevels", 0, 6]]);
  show({ levels: [3, 4] });
  await press("[[");
  expect(calls.at(-1)).toEqual(["setLevels", 2, 3]);
  show({ levels: [0, 6] });
  await press("]");
  show({ levels: [0, 1] });
  await press("[[");
  expect(calls).toHaveLength(2);
});

test("h and H step the heads, round and through all", async () => {
  const { press, show, calls } = keys({ heads: "mean", fusion: "mean" });
  await press("h");
  show({ heads: 0 });
  await press("h");
  show({ heads: 0 });
  await press("H");
  show({ heads: "max", fusion: "max" });
  await press("H");
  show({ heads: 11 });
  await press("h");
  expect(calls.map(([, heads]) => heads)).toEqual([0, 1, "mean", 11, "max"]);
});

test("figures pick the method, f fills the screen, ? opens the help", async () => {
  const { press, find, calls } = keys();
  await press("1");
  await press("3");
  await press("f");
  expect(calls).toEqual([["setMethod", "attention"], ["setMethod", "flow"], ["toggleFullScreen"]]);
  await press("?");
  expect(find("[data-action=help]").getAttribute("aria-expanded")).toBe("true");
});

test("what is typed into a field is typed, not obeyed", async () => {
  const { root, press, calls } = keys();
  const field = document.createElement("input");
  field.type = "text";
  root.append(field);
  field.focus();
  await press("hf1");
  expect(field.value).toBe("hf1");
  expect(calls).toEqual([]);
  expect(leaked).toEqual([]);
});

test("a removed widget leaves no listener", () => {
  const left = listenersLeft(() => {
    const { remove } = keys();
    return { end: remove };
  });
  expect(left).toBe(0);
});
