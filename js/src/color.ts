/** Colours: the two scales, contrast, and the theme read from the CSS of the page. */

export type RGB = [red: number, green: number, blue: number];
/** Channels 0 to 255, alpha 0 to 1. */
export type RGBA = [red: number, green: number, blue: number, alpha: number];

// Neighbouring stops are 0.10 apart in OKLab, so linear interpolation keeps equal steps equal.
const SEQ_LIGHT = "f5fbff b8e3f8 7ec8f2 53a7e8 3b83dd 345dcb 2f39ab 242478";
const SEQ_DARK = "171924 242755 31358b 374ebc 3474d2 4199e0 65baeb 96d9f5 d0f4fe";
const DIV_LIGHT = "a33810 ce6228 e59662 efc8a7 f3f5f8 9dd6f3 61aae8 367ad4 3144ba";
const DIV_DARK = "f5be87 dc804b a45329 643423 202023 2c3779 3f66b7 559de6 8cd2f4";

interface ThemeColors {
  paper: string;
  ink: string;
  ink2: string;
  ink3: string;
  line: string;
  hair: string;
  panel: string;
  accent: string;
  pill: string;
  onPill: string;
  cut: string;
  error: string;
}

export interface Theme extends ThemeColors {
  dark: boolean;
  /** Sequential scale, 0 at the paper to 1 at the strongest contrast. */
  seq(t: number): string;
  seqRGB(t: number): RGB;
  /** Diverging scale from -1 (B, orange) over 0 to 1 (A, blue). */
  div(t: number): string;
  divRGB(t: number): RGB;
}

/** The style sheet's variables, and what a page that sets none of them gets, light and dark. */
const COLORS: Record<keyof ThemeColors, readonly [variable: string, light: string, dark: string]> =
  {
    paper: ["paper", "#ffffff", "#111111"],
    ink: ["ink", "rgba(0, 0, 0, 0.87)", "rgba(255, 255, 255, 0.87)"],
    ink2: ["ink-2", "rgba(0, 0, 0, 0.58)", "rgba(255, 255, 255, 0.58)"],
    ink3: ["ink-3", "rgba(0, 0, 0, 0.38)", "rgba(255, 255, 255, 0.38)"],
    line: ["line", "#e0e0e0", "#3a3a3c"],
    hair: ["hair", "#ececec", "#262628"],
    panel: ["panel", "#f6f7f8", "#1c1c1e"],
    accent: ["accent", "#345dcb", "#65baeb"],
    pill: ["pill", "#2f50b8", "#7cc6ef"],
    onPill: ["on-pill", "#ffffff", "#0b1220"],
    cut: ["cut", "#c2410c", "#ff9a5c"],
    error: ["error", "#b71c1c", "#ff8a80"],
  };

const NAMES = Object.keys(COLORS) as (keyof ThemeColors)[];

function defaults(dark: boolean): ThemeColors {
  const all = NAMES.map((name) => [name, COLORS[name][dark ? 2 : 1]]);
  return Object.fromEntries(all) as ThemeColors;
}

/** Papers darker than this get the dark colours, whatever the host calls its theme. */
const DARK_LUMINANCE = 0.18;

/** Parse `#rgb`, `#rrggbb`, `#rrggbbaa` and `rgb()`/`rgba()`; null for anything else. */
export function parseColor(text: string): RGBA | null {
  const value = text.trim().toLowerCase();
  const hex = /^#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$/.exec(value)?.[1];
  if (hex !== undefined) {
    const full = hex.length <= 4 ? [...hex].map((digit) => digit + digit).join("") : hex;
    const channel = (i: number) => Number.parseInt(full.slice(2 * i, 2 * i + 2), 16);
    return [channel(0), channel(1), channel(2), full.length === 8 ? channel(3) / 255 : 1];
  }
  const inner = /^rgba?\(([^)]*)\)$/.exec(value)?.[1];
  if (inner !== undefined) {
    const parts = inner.split(/[\s,/]+/).filter((part) => part !== "");
    if (parts.length < 3) return null;
    const number = (part: string, whole: number) =>
      part.endsWith("%") ? (Number.parseFloat(part) / 100) * whole : Number.parseFloat(part);
    const [red, green, blue] = parts.slice(0, 3).map((part) => number(part, 255)) as RGB;
    const alpha = parts[3] === undefined ? 1 : number(parts[3], 1);
    if ([red, green, blue, alpha].some(Number.isNaN)) return null;
    return [red, green, blue, alpha];
  }
  return value === "transparent" ? [0, 0, 0, 0] : null;
}

export function formatColor([red, green, blue]: RGB | RGBA): string {
  const digits = [red, green, blue].map((v) => Math.round(v).toString(16).padStart(2, "0"));
  return `#${digits.join("")}`;
}

/** `over` laid on an opaque `under`. */
export function composite(over: RGBA, under: RGB): RGB {
  const a = over[3];
  return [0, 1, 2].map((i) => over[i]! * a + under[i]! * (1 - a)) as RGB;
}

/** WCAG relative luminance, 0 (black) to 1 (white). */
export function luminance([red, green, blue]: RGB): number {
  const linear = (channel: number) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

/** WCAG contrast of two opaque colours, 1 to 21. */
export function contrast(a: RGB, b: RGB): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Black or white text on this colour, whichever contrasts more (never under 4.5). */
export function textOn(color: string | RGB): "#000" | "#fff" {
  const parsed = typeof color === "string" ? parseColor(color) : color;
  if (parsed === null) return "#000";
  const rgb: RGB = [parsed[0]!, parsed[1]!, parsed[2]!];
  return contrast(rgb, [0, 0, 0]) >= contrast(rgb, [255, 255, 255]) ? "#000" : "#fff";
}

/** Linear interpolation between evenly spaced stops; t is clamped to [0, 1]. */
function interpolate(stops: readonly RGB[], t: number): RGB {
  const at = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const low = Math.min(stops.length - 2, Math.floor(at));
  const part = at - low;
  const [from, to] = [stops[low]!, stops[low + 1]!];
  return [0, 1, 2].map((i) => from[i]! + (to[i]! - from[i]!) * part) as RGB;
}

/** Thousands of edges ask for a colour in every frame, so the strings are made once. */
const STEPS = 1024;

interface ColorScale {
  rgb(t: number): RGB;
  text(t: number): string;
}

function scaleOf(text: string): ColorScale {
  const stops = text.split(" ").map((hex) => parseColor(`#${hex}`)!.slice(0, 3) as RGB);
  const rgb = (t: number): RGB => interpolate(stops, t);
  const table = new Array<string>(STEPS + 1);
  return {
    rgb,
    text: (t) => {
      const step = Math.round(Math.min(1, Math.max(0, t)) * STEPS);
      table[step] ??= formatColor(rgb(step / STEPS));
      return table[step];
    },
  };
}

const LIGHT = { seq: scaleOf(SEQ_LIGHT), div: scaleOf(DIV_LIGHT) };
const DARK = { seq: scaleOf(SEQ_DARK), div: scaleOf(DIV_DARK) };

/** A theme from its colours; those left out are the defaults. */
export function makeTheme(dark: boolean, colors: Partial<ThemeColors> = {}): Theme {
  const { seq, div } = dark ? DARK : LIGHT;
  return {
    ...defaults(dark),
    ...colors,
    dark,
    seq: seq.text,
    seqRGB: seq.rgb,
    div: (t) => div.text((t + 1) / 2),
    divRGB: (t) => div.rgb((t + 1) / 2),
  };
}

/** A stylesheet may use any colour syntax; the browser itself turns it into four channels. */
function resolveColor(text: string): RGBA | null {
  const known = parseColor(text);
  if (known !== null || text.trim() === "") return known;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) return null;
  // An unknown colour leaves fillStyle as it was: only a change under both starts is a colour.
  const tries = ["#000000", "#ffffff"].map((start) => {
    context.fillStyle = start;
    context.fillStyle = text.trim();
    return context.fillStyle;
  });
  if (tries[0] !== tries[1]) return null;
  context.clearRect(0, 0, 1, 1);
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  return [red!, green!, blue!, alpha! / 255];
}

/** The first opaque background at or above this element, through shadow roots; else white. */
function backgroundBehind(element: Element): RGB {
  let at: Element | null = element;
  while (at !== null) {
    const color = resolveColor(getComputedStyle(at).backgroundColor);
    if (color !== null && color[3] > 0.5) return [color[0], color[1], color[2]];
    const root: Node = at.getRootNode();
    at = at.parentElement ?? (root instanceof ShadowRoot ? root.host : null);
  }
  return [255, 255, 255];
}

/**
 * Read the widget's CSS variables. Sets `data-theme` on the root first, since the stylesheet's
 * dark values hang on it; dark or light is the luminance of the paper, not the theme's name.
 * A paper that is unset or transparent is the page's own background.
 */
export function readTheme(root: HTMLElement): Theme {
  const read = (name: keyof ThemeColors): string =>
    getComputedStyle(root).getPropertyValue(`--aw-${COLORS[name][0]}`).trim();
  const given = resolveColor(read("paper"));
  const behind = given !== null && given[3] === 1 ? null : backgroundBehind(root);
  const paper =
    behind === null ? (given!.slice(0, 3) as RGB) : composite(given ?? [0, 0, 0, 0], behind);
  const dark = luminance(paper) < DARK_LUMINANCE;
  const mode = dark ? "dark" : "light";
  if (root.getAttribute("data-theme") !== mode) root.setAttribute("data-theme", mode);
  const colors: Partial<ThemeColors> = { paper: formatColor(paper) };
  for (const name of NAMES) {
    if (name === "paper") continue;
    const color = resolveColor(read(name));
    if (color === null) continue;
    colors[name] = color[3] === 1 ? formatColor(color) : `rgba(${color.join(", ")})`;
  }
  return makeTheme(dark, colors);
}
