/** Label text: what fits, and the sizes of the type scale. Pure; widths come from a `Measure`. */
import type { Theme } from "../color";
import { flowValue, graphemes, percent, type TokenText } from "../format";
import type { Text } from "../scene";

/** Width in px of a text at a size and weight. */
export type Measure = (text: string, size: number, weight: number) => number;

export const LABEL_SIZE = 12.5;
export const SPECIAL_SIZE = 10.5;
export const HEAD_SIZE = 11;
export const TICK_SIZE = 10;
export const WEIGHT = { label: 430, strong: 560, selected: 620 } as const;
/** Labels whose share reaches this are set strong. */
export const STRONG_SHARE = 0.04;
/** The same of multiples of what even attention gives. */
export const STRONG_TIMES = 1.5;
/** No label takes more room than this, whatever the script. */
export const MAX_LABEL_WIDTH = 96;

/** A small text beside the picture: heads, ticks and, where they stand out, strong figures. */
export function note(
  theme: Theme,
  x: number,
  y: number,
  text: string,
  anchor: Text["anchor"],
  { size = HEAD_SIZE, strong = false } = {},
): Text {
  const weight = strong ? WEIGHT.selected : WEIGHT.label;
  return { kind: "text", x, y, text, size, weight, fill: strong ? theme.ink : theme.ink2, anchor };
}

/** Cut the middle out until the text is at most `width` px wide. */
export function fitText(
  text: string,
  size: number,
  weight: number,
  width: number,
  measure: Measure,
): string {
  if (measure(text, size, weight) <= width) return text;
  const all = graphemes(text.replace("…", ""));
  for (let keep = all.length - 1; keep > 1; keep--) {
    const head = Math.ceil(keep / 2);
    const shorter = `${all.slice(0, head).join("")}…${all.slice(all.length - keep + head).join("")}`;
    if (measure(shorter, size, weight) <= width) return shorter;
  }
  return "…";
}

export interface Label {
  text: string;
  size: number;
  /** At the selected weight, the widest it gets. */
  width: number;
}

const made = new WeakMap<Measure, WeakMap<readonly TokenText[], Map<number, Label[]>>>();

/** The label of every token, as drawn beside the graph and above the matrix. */
export function tokenLabels(
  tokens: readonly TokenText[],
  measure: Measure,
  maxWidth = MAX_LABEL_WIDTH,
): Label[] {
  const ofMeasure = made.get(measure) ?? new WeakMap<readonly TokenText[], Map<number, Label[]>>();
  const ofTokens = ofMeasure.get(tokens) ?? new Map<number, Label[]>();
  made.set(measure, ofMeasure.set(tokens, ofTokens));
  let labels = ofTokens.get(maxWidth);
  if (labels === undefined) {
    labels = tokens.map((token) => {
      const size = token.special ? SPECIAL_SIZE : LABEL_SIZE;
      const text = fitText(token.label, size, WEIGHT.selected, maxWidth, measure);
      return { text, size, width: measure(text, size, WEIGHT.selected) };
    });
    ofTokens.set(maxWidth, labels);
  }
  return labels;
}

/** A figure without its unit, which its column's head names. */
export function figure(value: number, flow: boolean): string {
  return flow ? flowValue(value) : percent(value).slice(0, -2);
}
