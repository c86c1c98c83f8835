/** Marks to an SVG document: the same picture as on the canvas, in vectors and text. Pure. */
import { formatColor, parseColor } from "../color";
import type { Group, Image, Mark, Rect } from "../scene";
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

type Attributes = Record<string, string | number | undefined>;

/** An element; attributes without a value are left out. */
function tag(name: string, attributes: Attributes, inner?: string): string {
  const given = Object.entries(attributes).map(([key, value]) =>
    value === undefined ? "" : ` ${key}="${typeof value === "number" ? number(value) : value}"`,
  );
  const open = `<${name}${given.join("")}`;
  return inner === undefined ? `${open}/>` : `${open}>${inner}</${name}>`;
}

/** A colour and its opacity apart: not every SVG reader knows `rgba()`. */
function colored(name: "fill" | "stroke", color: string, opacity = 1): Attributes {
  const parsed = parseColor(color);
  const part = (parsed?.[3] ?? 1) * opacity;
  return {
    [name]: parsed === null ? escapeXml(color) : formatColor(parsed),
    [`${name}-opacity`]: part >= 1 ? undefined : String(Number(part.toFixed(3))),
  };
}

function stroked(color: string, width: number, opacity?: number): Attributes {
  return { ...colored("stroke", color, opacity), "stroke-width": width };
}

function painted({ fill, stroke, width = 1, opacity }: Partial<Omit<Rect, "kind">>): Attributes {
  return {
    ...(fill === undefined ? { fill: "none" } : colored("fill", fill, opacity)),
    ...(stroke === undefined ? {} : stroked(stroke, width, opacity)),
  };
}

function element(mark: Exclude<Mark, Group>, options: SvgOptions): string {
  const n = number;
  switch (mark.kind) {
    case "curve": {
      const { x0, y0, x1, y1, color, width, opacity } = mark;
      const middle = n((x0 + x1) / 2);
      const d = `M${n(x0)} ${n(y0)}C${middle} ${n(y0)} ${middle} ${n(y1)} ${n(x1)} ${n(y1)}`;
      return tag("path", { d, fill: "none", ...stroked(color, width, opacity) });
    }
    case "line": {
      const { x0: x1, y0: y1, x1: x2, y1: y2, color, width, opacity, dash } = mark;
      const ends = { x1, y1, x2, y2 };
      const style = stroked(color, width, opacity);
      return tag("line", { ...ends, ...style, "stroke-dasharray": dash?.join(" ") });
    }
    case "circle": {
      const { x: cx, y: cy, r } = mark;
      return tag("circle", { cx, cy, r, ...painted(mark) });
    }
    case "rect": {
      const { x, y, w: width, h: height, radius } = mark;
      return tag("rect", { x, y, width, height, rx: radius || undefined, ...painted(mark) });
    }
    case "text": {
      const { x, y, size, weight, anchor, rotate } = mark;
      const down = BASELINE * size;
      return tag(
        "text",
        {
          ...(rotate === undefined
            ? { x, y: y + down }
            : { transform: `translate(${n(x)} ${n(y)}) rotate(${n(rotate)})`, y: down }),
          "font-size": size,
          "font-weight": weight,
          "text-anchor": anchor === "start" ? undefined : anchor,
          ...colored("fill", mark.fill, mark.opacity),
        },
        escapeXml(mark.text),
      );
    }
    case "image": {
      const { x, y, w: width, h: height, smooth, opacity } = mark;
      return tag("image", {
        ...{ x, y, width, height, preserveAspectRatio: "none" },
        style: smooth ? undefined : "image-rendering:pixelated",
        opacity,
        href: options.encodeImage(mark),
      });
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
    lines.push(tag("rect", { width: "100%", height: "100%", ...colored("fill", background) }));
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
    const box = tag("rect", { x, y, width: w, height: h });
    lines.push(`<clipPath id="${id}">${box}</clipPath><g clip-path="url(#${id})">`);
    for (const inner of mark.marks) add(inner);
    lines.push("</g>");
  };
  for (const mark of marks) add(mark);
  lines.push("</svg>", "");
  return lines.join("\n");
}
