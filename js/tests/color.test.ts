import { describe, expect, test } from "vitest";
import {
  composite,
  contrast,
  formatColor,
  luminance,
  makeTheme,
  parseColor,
  type RGB,
  textOn,
} from "../src/color";

const light = makeTheme(false);
const dark = makeTheme(true);

function rgb(color: string): RGB {
  const parsed = parseColor(color);
  if (parsed === null) throw new Error(`not a colour: ${color}`);
  return [parsed[0], parsed[1], parsed[2]];
}

function oklab(color: RGB): [number, number, number] {
  const [r, g, b] = color.map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as RGB;
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function distance(a: RGB, b: RGB): number {
  const [x, y] = [oklab(a), oklab(b)];
  return Math.hypot(...x.map((value, i) => value - y[i]!));
}

describe("parsing", () => {
  test.each([
    ["#fff", [255, 255, 255, 1]],
    ["#345dcb", [52, 93, 203, 1]],
    ["#34 5dcb", null],
    ["#11223380", [17, 34, 51, 128 / 255]],
    ["rgba(0, 0, 0, .87)", [0, 0, 0, 0.87]],
    ["rgb(10 20 30 / 50%)", [10, 20, 30, 0.5]],
    ["rgb(100%, 0%, 0%)", [255, 0, 0, 1]],
    ["transparent", [0, 0, 0, 0]],
    ["rebeccapurple", null],
    ["rgb(a, b, c)", null],
  ])("%s", (text, expected) => {
    expect(parseColor(text)).toEqual(expected);
  });

  test("a colour written out is read back", () => {
    expect(formatColor(rgb("#0a9bfe"))).toBe("#0a9bfe");
  });

  test("a translucent ink on paper is what one sees", () => {
    expect(composite([0, 0, 0, 0.5], [255, 255, 255])).toEqual([127.5, 127.5, 127.5]);
  });
});

describe("contrast", () => {
  test("black on white is 21, a colour on itself 1", () => {
    expect(contrast([0, 0, 0], [255, 255, 255])).toBeCloseTo(21, 5);
    expect(contrast([52, 93, 203], [52, 93, 203])).toBe(1);
    expect(luminance([255, 255, 255])).toBeCloseTo(1, 9);
  });

  test.each([
    [light, 5.9, 5.2],
    [dark, 8.8, 9.0],
  ])("accent and cut stand out on paper", (theme, accent, cut) => {
    const paper = rgb(theme.paper);
    expect(contrast(rgb(theme.accent), paper)).toBeCloseTo(accent, 1);
    expect(contrast(rgb(theme.cut), paper)).toBeCloseTo(cut, 1);
    expect(contrast(rgb(theme.onPill), rgb(theme.pill))).toBeGreaterThan(7);
  });

  test.each([light, dark])("text on any tint of any scale is readable", (theme) => {
    for (let i = 0; i <= 200; i++) {
      for (const tint of [theme.seq(i / 200), theme.div(i / 100 - 1)]) {
        expect(contrast(rgb(textOn(tint)), rgb(tint))).toBeGreaterThanOrEqual(4.5);
      }
    }
  });
});

describe("scales", () => {
  test("the ends and the stops are the given colours", () => {
    expect(light.seq(0)).toBe("#f5fbff");
    expect(light.seq(1)).toBe("#242478");
    expect(dark.seq(4 / 8)).toBe("#3474d2");
    expect(light.div(-1)).toBe("#a33810");
    expect(light.div(0)).toBe("#f3f5f8");
    expect(light.div(1)).toBe("#3144ba");
  });

  test("values outside are the ends", () => {
    expect(light.seq(-3)).toBe(light.seq(0));
    expect(light.seq(7)).toBe(light.seq(1));
    expect(light.div(-7)).toBe(light.div(-1));
  });

  test("half way between two stops is half way between their channels", () => {
    const middle = light.seqRGB(0.5 / 7);
    expect(middle[0]).toBeCloseTo((0xf5 + 0xb8) / 2, 9);
    expect(middle[1]).toBeCloseTo((0xfb + 0xe3) / 2, 9);
  });

  test.each([
    [light, 7],
    [dark, 8],
  ])("stops of the sequential scale are equally far apart to the eye", (theme, steps) => {
    for (let i = 0; i < steps; i++) {
      const step = distance(theme.seqRGB(i / steps), theme.seqRGB((i + 1) / steps));
      expect(Math.abs(step - 0.1)).toBeLessThan(0.0035);
    }
  });

  test.each([light, dark])("more mass is more contrast with the paper", (theme) => {
    const paper = rgb(theme.paper);
    let last = 0;
    for (let i = 0; i <= 64; i++) {
      const now = contrast(theme.seqRGB(i / 64), paper);
      expect(now).toBeGreaterThan(last);
      last = now;
    }
  });
});
