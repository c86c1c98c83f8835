/** Marks to an SVG document: the same picture as on the canvas, in vectors and text. Pure. */
import { parseColor } from "../color";
import type { Group, Image, Mark } from "../scene";
import { BASELINE } from "./canvas";

export interface SvgOptions {
  width: number;
  height: number;
  fontFamily: string;
  /** Painted behind everything; left out, the picture is transparent. */
  background?: string;
  title?: string;
  /** Turns an image's pixels into a data URL. */
  encodeImage(image: Image): string;
}

function number(value: number): string {
  return String(Number(value.toFixed(2)));
}

/** Text and attribute values; characters that XML does not allow at all are dropped. */
export function escapeXml(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, "\ufffd")
    .replace(/&/g, "&amp;")
    .replace(/</g, "&lt;")
    .replace(/>/g, "&gt;")
    .replace(/"/g, "&quot;");
}

/** A colour and its opacity apart: not every SVG reader knows `rgba()`. */
function colored(name: "fill" | "stroke", color: string, opacity = 1): string {
  const parsed = parseColor(color);
  if (parsed === null) return ` ${name}="${escapeXml(color)}"${opacityOf(name, opacity)}`;
  const hex = parsed.slice(0, 3).map((v) => Math.round(v).toString(16).padStart(2, "0"));
  return ` ${name}="#${hex.join("")}"${opacityOf(name, parsed[3] * opacity)}`;
}

function opacityOf(name: "fill" | "stroke", opacity: number): string {
  return opacity >= 1 ? "" : ` ${name}-opacity="${Number(opacity.toFixed(3))}"`;
}

function painted(mark: {
  fill?: string;
  stroke?: string;
  width?: number;
  opacity?: number;
}): string {
  const fill = mark.fill === undefined ? ' fill="none"' : colored("fill", mark.fill, mark.opacity);
  if (mark.stroke === undefined) return fill;
  return `${fill}${colored("stroke", mark.stroke, mark.opacity)} stroke-width="${number(mark.width ?? 1)}"`;
}

function element(mark: Exclude<Mark, Group>, options: SvgOptions): string {
  const n = number;
  switch (mark.kind) {
    case "curve": {
      const middle = n((mark.x0 + mark.x1) / 2);
      const path = `M${n(mark.x0)} ${n(mark.y0)}C${middle} ${n(mark.y0)} ${middle} ${n(mark.y1)} ${n(mark.x1)} ${n(mark.y1)}`;
      return `<path d="${path}" fill="none"${colored("stroke", mark.color, mark.opacity)} stroke-width="${n(mark.width)}"/>`;
    }
    case "line": {
      const dash = mark.dash === undefined ? "" : ` stroke-dasharray="${mark.dash.join(" ")}"`;
      return `<line x1="${n(mark.x0)}" y1="${n(mark.y0)}" x2="${n(mark.x1)}" y2="${n(mark.y1)}"${colored("stroke", mark.color, mark.opacity)} stroke-width="${n(mark.width)}"${dash}/>`;
    }
    case "circle":
      return `<circle cx="${n(mark.x)}" cy="${n(mark.y)}" r="${n(mark.r)}"${painted(mark)}/>`;
    case "rect": {
      const radius =
        mark.radius === undefined || mark.radius === 0 ? "" : ` rx="${n(mark.radius)}"`;
      return `<rect x="${n(mark.x)}" y="${n(mark.y)}" width="${n(mark.w)}" height="${n(mark.h)}"${radius}${painted(mark)}/>`;
    }
    case "text": {
      const anchor = mark.anchor === "start" ? "" : ` text-anchor="${mark.anchor}"`;
      const place =
        mark.rotate === undefined
          ? `x="${n(mark.x)}" y="${n(mark.y + BASELINE * mark.size)}"`
          : `transform="translate(${n(mark.x)} ${n(mark.y)}) rotate(${n(mark.rotate)})" y="${n(BASELINE * mark.size)}"`;
      return `<text ${place} font-size="${n(mark.size)}" font-weight="${mark.weight}"${anchor}${colored("fill", mark.fill, mark.opacity)}>${escapeXml(mark.text)}</text>`;
    }
    case "image": {
      const rendering = mark.smooth ? "" : ' style="image-rendering:pixelated"';
      const faint = mark.opacity === undefined ? "" : ` opacity="${n(mark.opacity)}"`;
      return `<image x="${n(mark.x)}" y="${n(mark.y)}" width="${n(mark.w)}" height="${n(mark.h)}" preserveAspectRatio="none"${rendering}${faint} href="${options.encodeImage(mark)}"/>`;
    }
  }
}

/** A whole document, one mark a line, so that two versions can be compared by eye. */
export function toSVG(marks: readonly Mark[], options: SvgOptions): string {
  const { width, height, background, title } = options;
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${number(width)}" height="${number(height)}" viewBox="0 0 ${number(width)} ${number(height)}" font-family="${escapeXml(options.fontFamily)}" style="font-variant-numeric:tabular-nums" role="img">`,
  ];
  if (title !== undefined) lines.push(`<title>${escapeXml(title)}</title>`);
  if (background !== undefined) {
    lines.push(`<rect width="100%" height="100%"${colored("fill", background)}/>`);
  }
  let clips = 0;
  const add = (mark: Mark): void => {
    if (mark.kind !== "group") {
      lines.push(element(mark, options));
      return;
    }
    // Several pictures may stand in one page: names are made of what tells them apart.
    const { x, y, w, h } = mark.clip;
    const id = `clip-${clips++}-${[x, y, w, h].map((v) => Math.round(v)).join("-")}`;
    const box = `x="${number(x)}" y="${number(y)}" width="${number(w)}" height="${number(h)}"`;
    lines.push(`<clipPath id="${id}"><rect ${box}/></clipPath><g clip-path="url(#${id})">`);
    for (const inner of mark.marks) add(inner);
    lines.push("</g>");
  };
  for (const mark of marks) add(mark);
  lines.push("</svg>", "");
  return lines.join("\n");
}
