/** Marks to a 2D canvas. Coordinates are CSS px; the context is scaled by the device's ratio. */
import type { Measure } from "../layout/text";
import type { Circle, Curve, Image, Line, Mark, Rect, Text } from "../scene";

export interface CanvasPainter {
  context: CanvasRenderingContext2D;
  /** Device pixels per CSS px. */
  ratio: number;
  fontFamily: string;
  /** Where pixels become a picture before they are scaled; made once. */
  scratch: HTMLCanvasElement;
  /** The font in use, since setting the same again is not free; empty: not known. */
  font?: string;
}

/** Baseline below the middle of the capitals, as a share of the font size. */
export const BASELINE = 0.36;

const ALIGN = { start: "left", middle: "center", end: "right" } as const;

function drawCurve({ context }: CanvasPainter, mark: Curve): void {
  const middle = (mark.x0 + mark.x1) / 2;
  context.globalAlpha = mark.opacity;
  context.strokeStyle = mark.color;
  context.lineWidth = mark.width;
  context.beginPath();
  context.moveTo(mark.x0, mark.y0);
  context.bezierCurveTo(middle, mark.y0, middle, mark.y1, mark.x1, mark.y1);
  context.stroke();
}

/** A level or upright line of an odd number of device pixels sits between them when unrounded. */
function snap(value: number, width: number, ratio: number): number {
  const odd = Math.round(width * ratio) % 2 === 1;
  return odd ? (Math.floor(value * ratio) + 0.5) / ratio : Math.round(value * ratio) / ratio;
}

function drawLine({ context, ratio }: CanvasPainter, mark: Line): void {
  let { x0, y0, x1, y1 } = mark;
  if (x0 === x1) x0 = x1 = snap(x0, mark.width, ratio);
  if (y0 === y1) y0 = y1 = snap(y0, mark.width, ratio);
  context.globalAlpha = mark.opacity ?? 1;
  context.strokeStyle = mark.color;
  context.lineWidth = mark.width;
  if (mark.dash !== undefined) context.setLineDash(mark.dash);
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
  if (mark.dash !== undefined) context.setLineDash([]);
}

function drawRect({ context, ratio }: CanvasPainter, mark: Rect): void {
  let { x, y, w, h } = mark;
  if (mark.crisp === true) {
    const [left, top] = [Math.round(x * ratio) / ratio, Math.round(y * ratio) / ratio];
    w = Math.max(1 / ratio, Math.round((x + w) * ratio) / ratio - left);
    h = Math.max(1 / ratio, Math.round((y + h) * ratio) / ratio - top);
    [x, y] = [left, top];
  }
  context.globalAlpha = mark.opacity ?? 1;
  const radius = mark.radius ?? 0;
  if (radius === 0 && mark.stroke === undefined) {
    if (mark.fill === undefined) return;
    context.fillStyle = mark.fill;
    context.fillRect(x, y, w, h);
    return;
  }
  context.beginPath();
  if (radius > 0) context.roundRect(x, y, w, h, Math.min(radius, w / 2, h / 2));
  else context.rect(x, y, w, h);
  fillAndStroke(context, mark);
}

/** The path that has been laid out, in the colours of its mark. */
function fillAndStroke(
  context: CanvasRenderingContext2D,
  { fill, stroke, width = 1 }: Circle | Rect,
): void {
  if (fill !== undefined) {
    context.fillStyle = fill;
    context.fill();
  }
  if (stroke !== undefined) {
    context.strokeStyle = stroke;
    context.lineWidth = width;
    context.stroke();
  }
}

function drawText(painter: CanvasPainter, mark: Text): void {
  const { context } = painter;
  const font = `${mark.weight} ${mark.size}px ${painter.fontFamily}`;
  context.globalAlpha = mark.opacity ?? 1;
  if (painter.font !== font) context.font = painter.font = font;
  context.fillStyle = mark.fill;
  context.textAlign = ALIGN[mark.anchor];
  context.textBaseline = "alphabetic";
  if (mark.rotate === undefined) {
    context.fillText(mark.text, mark.x, mark.y + BASELINE * mark.size);
    return;
  }
  context.save();
  context.translate(mark.x, mark.y);
  context.rotate((mark.rotate * Math.PI) / 180);
  context.fillText(mark.text, 0, BASELINE * mark.size);
  context.restore();
}

/** Widths of texts in a font; each is measured once. */
export function measureIn(fontFamily: string): Measure {
  const widths = new Map<string, number>();
  const context = contextOf(newCanvas());
  return (text, size, weight) => {
    const key = `${size} ${weight} ${text}`;
    let width = widths.get(key);
    if (width === undefined) {
      context.font = `${weight} ${size}px ${fontFamily}`;
      width = context.measureText(text).width;
      widths.set(key, width);
    }
    return width;
  };
}

/** Pixels of the device for each px, as they are now. */
export function deviceRatio(): number {
  return window.devicePixelRatio || 1;
}

export function newCanvas(): HTMLCanvasElement {
  return document.createElement("canvas");
}

/** Give a canvas a size in px and as many pixels as the device has for it; kept if it has them. */
export function resize(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
  ratio: number,
): void {
  const [w, h] = [width, height].map((length) => Math.round(length * ratio)) as [number, number];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const [wide, high] = [`${width}px`, `${height}px`];
  if (canvas.style.width !== wide) canvas.style.width = wide;
  if (canvas.style.height !== high) canvas.style.height = high;
}

export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (context === null) throw new Error("This browser gives no 2D canvas to draw on.");
  return context;
}

/** An empty canvas to paint on, its corner `around` px from where marks begin. */
export function painterOn(
  canvas: HTMLCanvasElement,
  ratio: number,
  fontFamily: string,
  scratch: HTMLCanvasElement,
  around = 0,
): CanvasPainter {
  const context = contextOf(canvas);
  context.setTransform(ratio, 0, 0, ratio, around * ratio, around * ratio);
  context.clearRect(-around, -around, canvas.width, canvas.height);
  return { context, ratio, fontFamily, scratch, font: "" };
}

/** Draw an image's pixels onto a canvas of their own size. */
export function imageCanvas(
  scratch: HTMLCanvasElement,
  mark: Pick<Image, "pixels" | "columns" | "rows">,
): HTMLCanvasElement {
  if (scratch.width !== mark.columns) scratch.width = mark.columns;
  if (scratch.height !== mark.rows) scratch.height = mark.rows;
  contextOf(scratch).putImageData(new ImageData(mark.pixels, mark.columns, mark.rows), 0, 0);
  return scratch;
}

const shown = new WeakMap<HTMLCanvasElement, Uint8ClampedArray>();

function drawImage({ context, scratch }: CanvasPainter, mark: Image): void {
  context.globalAlpha = mark.opacity ?? 1;
  context.imageSmoothingEnabled = mark.smooth;
  // Pixels are made anew when they change, so the same ones need not be put there again.
  if (shown.get(scratch) !== mark.pixels) {
    imageCanvas(scratch, mark);
    shown.set(scratch, mark.pixels);
  }
  context.drawImage(scratch, mark.x, mark.y, mark.w, mark.h);
}

/** Draw marks in order. */
export function paint(painter: CanvasPainter, marks: readonly Mark[]): void {
  const { context } = painter;
  for (const mark of marks) {
    switch (mark.kind) {
      case "curve":
        drawCurve(painter, mark);
        break;
      case "line":
        drawLine(painter, mark);
        break;
      case "circle":
        context.globalAlpha = 1;
        context.beginPath();
        context.arc(mark.x, mark.y, mark.r, 0, 2 * Math.PI);
        fillAndStroke(context, mark);
        break;
      case "rect":
        drawRect(painter, mark);
        break;
      case "text":
        drawText(painter, mark);
        break;
      case "image":
        drawImage(painter, mark);
        break;
      case "group": {
        const { x, y, w, h } = mark.clip;
        context.save();
        context.beginPath();
        context.rect(x, y, w, h);
        context.clip();
        paint(painter, mark.marks);
        context.restore();
        painter.font = "";
        break;
      }
    }
  }
  context.globalAlpha = 1;
}
