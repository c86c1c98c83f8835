import axe from "axe-core";
import { describe, expect, test } from "vitest";
import { userEvent } from "vitest/browser";
import { type Frame, sizeOf } from "../../src/frame";
import { Toolbar } from "../../src/views/toolbar";
import { frameOf } from "../frames";
import { listenersLeft, mount } from "./mount";

const toolbar = (given: Partial<Frame> = {}) =>
  mount((context) => new Toolbar(context), frameOf(given));

describe("method", () => {
  test("shows the frame's method and asks for another", () => {
    const { find, calls, show } = toolbar();
    expect(find("[data-value=rollout]").getAttribute("aria-checked")).toBe("true");
    find("[data-value=flow]").click();
    expect(calls).toEqual([["setMethod", "flow"]]);
    show({ method: "flow" });
    expect(find("[data-value=flow]").getAttribute("aria-checked")).toBe("true");
    expect(find("[data-value=rollout]").getAttribute("aria-checked")).toBe("false");
  });

  test("arrows go round, and only the chosen one is a tab stop", async () => {
    const { find, calls, root } = toolbar({ method: "flow" });
    find("[data-value=flow]").focus();
    await userEvent.keyboard("{ArrowRight}");
    expect(calls).toEqual([["setMethod", "attention"]]);
    expect(document.activeElement).toBe(find("[data-value=attention]"));
    const stops = root.querySelectorAll("[data-control=method] [tabindex='0']");
    expect(Array.from(stops, (stop) => stop.textContent)).toEqual(["Flow"]);
  });
});

describe("heads", () => {
  test("first stop all, then every head", async () => {
    const { find, calls, show } = toolbar();
    const heads = find<HTMLInputElement>("[data-control=heads]");
    expect(heads.value).toBe("0");
    expect(heads.getAttribute("aria-valuetext")).toBe("All heads, mean");
    await userEvent.fill(heads, "1");
    await userEvent.fill(heads, "12");
    expect(calls).toEqual([
      ["setHeads", 0],
      ["setHeads", 11],
    ]);
    show({ heads: 0 });
    expect(heads.value).toBe("1");
    expect(heads.getAttribute("aria-valuetext")).toBe("Head 0");
  });

  test("back at all, the fusion last in use returns", async () => {
    const { find, calls } = toolbar({ heads: 3, fusion: "max" });
    await userEvent.fill(find("[data-control=heads]"), "0");
    expect(calls).toEqual([["setHeads", "max"]]);
  });

  test("a list and another fusion are shown as they are", () => {
    const { root, show } = toolbar({ heads: [1, 4] });
    const figure = () =>
      root.querySelector("[data-control=heads]")?.closest(".aw-control")?.textContent;
    expect(figure()).toBe("Heads1, 4");
    show({ heads: "max" });
    expect(figure()).toBe("HeadsAll, max");
  });

  test("the fusion is in the settings", () => {
    const { find, calls } = toolbar({ heads: 3 });
    find("[data-action=settings]").click();
    find("[data-control=fusion] [data-value=min]").click();
    expect(calls).toEqual([["setHeads", "min"]]);
  });
});

describe("residual", () => {
  test("every step of a drag is asked for", async () => {
    const { find, calls } = toolbar();
    const residual = find<HTMLInputElement>("[data-control=residual]");
    await userEvent.fill(residual, "0.4");
    await userEvent.fill(residual, "0");
    expect(calls).toEqual([
      ["setResidual", 0.4],
      ["setResidual", 0],
    ]);
  });

  test("raw attention has none: off, with the reason", () => {
    const { find } = toolbar({ method: "attention" });
    const residual = find<HTMLInputElement>("[data-control=residual]");
    expect(residual.disabled).toBe(true);
    expect(residual.getAttribute("aria-description")).toMatch(/without a residual/);
    expect(residual.closest(".aw-control")?.getAttribute("title")).toMatch(/without a residual/);
  });

  test("one residual a layer is said, and a drag sets one number", async () => {
    const { find, calls } = toolbar({ residual: 0.5, residualPerLayer: [0.25, 0.75] });
    const residual = find<HTMLInputElement>("[data-control=residual]");
    expect(residual.closest(".aw-control")?.textContent).toBe("Residualper layer");
    await userEvent.fill(residual, "0.7");
    expect(calls).toEqual([["setResidual", 0.7]]);
  });
});

test("the mass shown is a share above zero", async () => {
  const { find, calls } = toolbar();
  const mass = find<HTMLInputElement>("[data-control=mass]");
  await userEvent.fill(mass, mass.min);
  expect(calls).toEqual([["setMassShown", 0.01]]);
});

describe("room", () => {
  const inRow = (root: HTMLElement, control: string) =>
    root.querySelector(`.aw-controls [data-control=${control}]`) !== null;

  test("what has no room moves into the settings", () => {
    const { root, show } = toolbar();
    expect(["residual", "mass"].map((control) => inRow(root, control))).toEqual([true, true]);
    show({ size: "medium", width: 900 });
    expect(["residual", "mass"].map((control) => inRow(root, control))).toEqual([true, false]);
    show({ size: "narrow", width: 480 });
    expect(["residual", "heads", "layers-stop"].map((c) => inRow(root, c))).toEqual([
      false,
      false,
      false,
    ]);
    expect(root.querySelectorAll(".aw-popover [data-control=residual]")).toHaveLength(1);
  });

  test.each([300, 360, 480, 719, 720, 899, 900, 1079, 1080, 1200, 1600])(
    "at %i px nothing sticks out and nothing overlaps",
    (width) => {
      const size = sizeOf(width);
      const given = { width, size, nLayers: 12, heads: "max" as const, residualPerLayer: [0.1] };
      const { root } = mount(
        (context) => new Toolbar(context),
        frameOf({ ...given, levels: [10, 12] }),
      );
      expect(root.scrollWidth).toBeLessThanOrEqual(width);
      const parts = root.querySelectorAll(
        ".aw-toolbar > .aw-segmented, .aw-controls > *, .aw-icons",
      );
      const boxes = Array.from(parts, (part) => part.getBoundingClientRect()).filter(
        ({ width: w }) => w > 0,
      );
      for (const [i, box] of boxes.entries()) {
        if (i > 0) expect(box.left).toBeGreaterThanOrEqual(boxes[i - 1]!.right);
        expect(box.right).toBeLessThanOrEqual(width);
      }
      for (const value of root.querySelectorAll<HTMLElement>(".aw-controls .aw-value")) {
        const control = value.closest(".aw-control")!.getBoundingClientRect();
        expect(value.getBoundingClientRect().right).toBeLessThanOrEqual(control.right + 0.5);
      }
    },
  );
});

describe("popovers", () => {
  test("Escape closes one and gives the focus back; the selection stays", async () => {
    const { find, root, calls } = toolbar();
    let reached = 0;
    root.addEventListener("keydown", () => {
      reached += 1;
    });
    const button = find("[data-action=settings]");
    await userEvent.click(button);
    expect(button.getAttribute("aria-expanded")).toBe("true");
    await userEvent.keyboard("{Escape}");
    expect(button.getAttribute("aria-expanded")).toBe("false");
    expect(document.activeElement).toBe(button);
    expect(reached).toBe(0);
    expect(calls).toEqual([]);
  });

  test("a press outside closes it, one inside does not", async () => {
    const { find } = toolbar();
    const button = find("[data-action=settings]");
    await userEvent.click(button);
    await userEvent.click(find("[data-control=fusion] [data-value=max]"));
    expect(button.getAttribute("aria-expanded")).toBe("true");
    await userEvent.click(find("[data-value=flow]"));
    expect(button.getAttribute("aria-expanded")).toBe("false");
  });

  test("the help lists the keys", async () => {
    const { find } = toolbar();
    await userEvent.click(find("[data-action=help]"));
    expect(find(".aw-keys").textContent).toContain("full screen");
    const keys = [...find(".aw-keys").querySelectorAll("kbd")];
    expect(keys.filter((key) => key.scrollWidth > key.clientWidth)).toEqual([]);
  });
});

test.each(["light", "dark"])("axe finds nothing to complain about (%s)", async (theme) => {
  const { root, find } = toolbar();
  root.setAttribute("data-theme", theme);
  document.body.style.background = theme === "dark" ? "#111" : "#fff";
  find("[data-action=settings]").click();
  await Promise.all(root.getAnimations().map(({ finished }) => finished));
  const { violations } = await axe.run(root, { rules: { region: { enabled: false } } });
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
});

test("a removed toolbar leaves no listener", () => {
  const left = listenersLeft(() => {
    const { remove } = toolbar();
    return { end: remove };
  });
  expect(left).toBe(0);
});
