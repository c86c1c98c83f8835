/** A picture to keep: the finding as its title, the text, graph and matrix, as SVG or PNG. */
import { parseColor } from "./color";
import type { Frame } from "./frame";
import type { Measure } from "./layout/text";
import { imageCanvas, newCanvas, paint, painterOn, resize } from "./paint/canvas";
import { toSVG } from "./paint/svg";
import { type Finding, type Span, textOf } from "./phrases";
import { line, type Mark, type PictureFormat, rect, type Text } from "./scene";
import { describe } from "./sentence";

export const MIME: Record<PictureFormat, string> = { svg: "image/svg+xml", png: "image/png" };

/** Pixels of a PNG for each px of the picture. */
const PNG_RATIO = 2;
const FACTS = { size: 11, line: 18, weight: 430 };

export interface SavedPicture {
  title: string;
  width: number;
  height: number;
  marks: Mark[];
}

/** A part of the page as marks, with its place below the sentence. */
export interface Part {
  marks: readonly Mark[];
  x?: number;
  y: number;
  height: number;
}

export function moved(mark: Mark, dx: number, dy: number): Mark {
  if (mark.kind === "curve" || mark.kind === "line") {
    const { x0, y0, x1, y1 } = mark;
    return { ...mark, x0: x0 + dx, y0: y0 + dy, x1: x1 + dx, y1: y1 + dy };
  }
  if (mark.kind === "group") {
    const { clip, marks } = mark;
    const shifted = { ...clip, x: clip.x + dx, y: clip.y + dy };
    return { ...mark, clip: shifted, marks: marks.map((one) => moved(one, dx, dy)) };
  }
  return { ...mark, x: mark.x + dx, y: mark.y + dy };
}

/** Spans as lines of text no wider than `width`; a line breaks between words. */
export function wrapSpans(
  spans: readonly Span[],
  width: number,
  style: (span: Span) => { size: number; weight: number; fill: string },
  measure: Measure,
): { text: string; x: number; line: number; span: Span }[] {
  const placed: { text: string; x: number; line: number; span: Span }[] = [];
  // Measured with a letter after it: not everywhere has a space at the end of a text a width.
  const wide = (text: string, span: Span): number => {
    const { size, weight } = style(span);
    return measure(`${text}.`, size, weight) - measure(".", size, weight);
  };
  let [x, line] = [0, 0];
  for (const span of spans) {
    // A no-break space keeps its words together; an ordinary one ends a piece.
    for (const word of span.text.match(/[^ ]+ *| +/g) ?? []) {
      const room = wide(word.trimEnd(), span);
      if (x > 0 && x + room > width) [x, line] = [0, line + 1];
      const shown = x === 0 ? word.trimStart() : word;
      const last = placed.at(-1);
      if (last !== undefined && last.line === line && last.span === span) last.text += shown;
      else {
        // SVG drops a space at either end of a text: it becomes distance.
        const start = shown.trimStart();
        const lead = wide(shown, span) - wide(start, span);
        placed.push({ text: start, x: x + lead, line, span });
      }
      x += wide(shown, span);
    }
  }
  for (const piece of placed) piece.text = piece.text.trimEnd();
  return placed.filter(({ text }) => text !== "");
}

/** The sentence and what it belongs to, over the parts of the page. */
export function composePicture(
  frame: Frame,
  parts: readonly Part[],
  measure: Measure,
): SavedPicture {
  const finding: Finding = describe(frame);
  const { theme, size, width } = frame;
  const narrow = size === "narrow";
  const padding = narrow ? 12 : 16;
  const [type, line] = narrow ? [15, 21] : [16, 24];
  const style = ({ tone }: Span) => ({
    size: type,
    weight: tone === "strong" || tone === "cut" ? 620 : 420,
    fill:
      tone === "cut" ? theme.cut : tone === "quiet" || tone === "aside" ? theme.ink2 : theme.ink,
  });
  const room = width - 2 * padding;
  const words = wrapSpans(finding.spans, room, style, measure);
  const marks: Mark[] = words.map(
    ({ text, x, line: at, span }): Text => ({
      kind: "text",
      x: padding + x,
      y: padding + line * (at + 0.5),
      text,
      anchor: "start",
      ...style(span),
    }),
  );
  let y = padding + line * ((words.at(-1)?.line ?? -1) + 1);
  const facts = [...finding.facts, ...finding.notices].join(" · ");
  const quiet: Span = { text: facts, tone: "quiet" };
  const small = () => ({ size: FACTS.size, weight: FACTS.weight, fill: theme.ink2 });
  const lines = wrapSpans([quiet], room, small, measure);
  for (const { text, line: at } of lines) {
    const middle = y + FACTS.line * (at + 0.5);
    marks.push({ kind: "text", x: padding, y: middle, text, anchor: "start", ...small() });
  }
  y += FACTS.line * lines.length + 10;
  let bottom = y;
  for (const part of parts) {
    for (const mark of part.marks) marks.push(moved(mark, part.x ?? 0, y + part.y));
    bottom = Math.max(bottom, y + part.y + part.height);
  }
  return { title: textOf(finding.spans), width, height: Math.ceil(bottom), marks };
}

/** Elements of text as marks, where they stand in `around`: fill, ring and text of each. */
export function textMarks(elements: readonly Element[], around: Element): Mark[] {
  const origin = around.getBoundingClientRect();
  return elements.flatMap((el): Mark[] => {
    const [box] = el.getClientRects();
    if (box === undefined || el.textContent === "") return [];
    const style = getComputedStyle(el);
    const place = {
      x: box.left - origin.left,
      y: box.top - origin.top,
      w: box.width,
      h: box.height,
    };
    const marks: Mark[] = [];
    const fill = parseColor(style.backgroundColor);
    if (fill !== null && fill[3] > 0) {
      marks.push(rect(place, { radius: 4, fill: style.backgroundColor }));
    }
    if (style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) > 0) {
      const { x, y, w, h } = place;
      const ring = { x: x - 2, y: y - 2, w: w + 4, h: h + 4 };
      marks.push(rect(ring, { radius: 6, stroke: style.outlineColor, width: 1.75 }));
    }
    const [x, y] = [place.x + place.w / 2, place.y + place.h / 2];
    marks.push({
      kind: "text",
      x,
      y,
      text: el.textContent,
      size: Number.parseFloat(style.fontSize),
      weight: Number(style.fontWeight) || 400,
      fill: style.color,
      anchor: "middle",
    });
    if (style.textDecorationLine.includes("line-through")) {
      marks.push(line(place.x, y, place.x + place.w, y, style.color));
    }
    return marks;
  });
}

export function pictureAsSVG(
  { title, width, height, marks }: SavedPicture,
  fontFamily: string,
  background: string,
): string {
  return toSVG(marks, {
    width,
    height,
    fontFamily,
    background,
    title,
    encodeImage: (image) => imageCanvas(newCanvas(), image).toDataURL("image/png"),
  });
}

export function pictureAsPNG(
  { width, height, marks }: SavedPicture,
  fontFamily: string,
  background: string,
): Promise<Blob> {
  const [canvas, scratch] = [newCanvas(), newCanvas()];
  resize(canvas, width, height, PNG_RATIO);
  const paper: Mark = { kind: "rect", x: 0, y: 0, w: width, h: height, fill: background };
  paint(painterOn(canvas, PNG_RATIO, fontFamily, scratch), [paper, ...marks]);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => {
      if (blob === null) reject(new Error("This browser cannot make a PNG of this size."));
      else resolve(blob);
    }, MIME.png);
  });
}

/** `rollout-it.svg`: what is shown and of what, in letters that every file system takes. */
export function fileName(frame: Frame, format: PictureFormat): string {
  const names = frame.selected.map(([, token]) => frame.tokens[token]?.label ?? "");
  const words = [frame.method, ...names].map((word) => word.replace(/[^\p{L}\p{N}]+/gu, ""));
  return `${words
    .filter((word) => word !== "")
    .join("-")
    .slice(0, 60)}.${format}`;
}
