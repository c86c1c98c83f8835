/** Icons: 16 px, 1.4 px strokes in the colour of the text. */

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  settings:
    "M2 5h6.2M12.2 5H14M2 11h1.8M7.8 11H14M12.2 5a2 2 0 1 1-4 0a2 2 0 0 1 4 0ZM7.8 11a2 2 0 1 1-4 0a2 2 0 0 1 4 0Z",
  expand: "M9.8 2.5h3.7v3.7M13.3 2.7 9.4 6.6M6.2 13.5H2.5V9.8M2.7 13.3l3.9-3.9",
  collapse: "M9.4 3v3.6H13M9.6 6.4l4-4M6.6 13V9.4H3M6.4 9.6l-4 4",
  help: "M14 8A6 6 0 1 1 2 8a6 6 0 0 1 12 0ZM6.3 6.4a1.75 1.75 0 1 1 2.6 1.5c-.6.35-.9.7-.9 1.4M8 11.45v.05",
  chevron: "M6 3.5 10.5 8 6 12.5",
  add: "M8 3v10M3 8h10",
  swap: "M2.5 5.5h11M10.5 2.5l3 3M13.5 10.5h-11M5.5 13.5l-3-3",
  download: "M8 2.5v7.5M4.8 7 8 10.2 11.2 7M2.5 10.5v3h11v-3",
  close: "M4 4l8 8M12 4l-8 8",
} as const;

export type IconName = keyof typeof PATHS;

export function icon(name: IconName, size = 16): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 16 16",
    width: String(size),
    height: String(size),
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.4",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    "aria-hidden": "true",
    class: "aw-icon",
  };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
