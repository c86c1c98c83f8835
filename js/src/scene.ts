/**
 * Marks: what layouts return and painters draw. One list serves the canvas on screen, the SVG
 * that is saved and the snapshots that tests compare, so there is one layout and no second truth.
 * Units are CSS px in the stage's own coordinates; y grows downwards.
 */

export interface Curve {
  kind: "curve";
  /** A cubic that leaves and arrives level: control points at half the horizontal distance. */
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  width: number;
  color: string;
  opacity: number;
}

export interface Line {
  kind: "line";
  x0: number;
  y0: number;
  x1: number;
  y1: number;
  width: number;
  color: string;
  opacity?: number;
  dash?: [number, number];
}

export interface Circle {
  kind: "circle";
  x: number;
  y: number;
  r: number;
  fill?: string;
  stroke?: string;
  width?: number;
}

export interface Rect {
  kind: "rect";
  x: number;
  y: number;
  w: number;
  h: number;
  radius?: number;
  fill?: string;
  stroke?: string;
  width?: number;
  opacity?: number;
  /** Edges on whole device pixels: neighbours keep one even gap. */
  crisp?: boolean;
}

export interface Text {
  kind: "text";
  x: number;
  /** Middle of the capitals' height, so that a label sits on its row. */
  y: number;
  text: string;
  size: number;
  weight: number;
  fill: string;
  anchor: "start" | "middle" | "end";
  opacity?: number;
  /** Degrees clockwise about (x, y). */
  rotate?: number;
}

export interface Image {
  kind: "image";
  x: number;
  y: number;
  w: number;
  h: number;
  /** RGBA pixels, columns * rows * 4. */
  pixels: Uint8ClampedArray<ArrayBuffer>;
  columns: number;
  rows: number;
  smooth: boolean;
  opacity?: number;
}

/** Marks of which only what lies within the clip is seen. */
export interface Group {
  kind: "group";
  clip: { x: number; y: number; w: number; h: number };
  marks: readonly Mark[];
}

export type Mark = Curve | Line | Circle | Rect | Text | Image | Group;

/** What a picture can be saved as. */
export type PictureFormat = "svg" | "png";

export function line(
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  color: string,
  width = 1,
): Line {
  return { kind: "line", x0, y0, x1, y1, color, width };
}

/** A rectangle in the place of a box. */
export function rect({ x, y, w, h }: Group["clip"], style: Omit<Partial<Rect>, "kind">): Rect {
  return { kind: "rect", x, y, w, h, ...style };
}

/** A filled rectangle with its edges on whole device pixels. */
export function swatch(x: number, y: number, w: number, h: number, fill: string): Rect {
  return { kind: "rect", x, y, w, h, fill, crisp: true };
}

/** Height of a level-ended cubic at a share of its length: solves x(t), then s(t). */
export function eased(share: number): { at: number; slope: number } {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 20; i++) {
    const t = (low + high) / 2;
    if (t * (1.5 - 1.5 * t + t * t) < share) low = t;
    else high = t;
  }
  const t = (low + high) / 2;
  return { at: t * t * (3 - 2 * t), slope: (6 * t * (1 - t)) / (1.5 - 3 * t + 3 * t * t) };
}
