/** Where the window is among all tokens, while not all of them are in view. Pure. */
import type { Theme } from "../color";
import { differenceOf, divergingT } from "../compare";
import type { Frame } from "../frame";
import { type Mark, rect } from "../scene";
import { shares } from "./labels";
import type { Zones } from "./zones";

const TRACK = 4;
const ROOM = 5;
const LEAST = 1.5;
/** Under this share a token leaves no trace on the track. */
const SHOWN = 0.005;

/** A track, what is on it, and the part in view in a frame. */
function track(
  theme: Theme,
  upright: boolean,
  at: { start: number; length: number; across: number },
  n: number,
  span: { from: number; to: number },
  ticks: readonly { token: number; color: string }[],
): Mark[] {
  const { start, length, across } = at;
  const step = length / n;
  const box = (from: number, size: number, beside = 0) => {
    const along = { from: start + from * step, size: Math.max(LEAST, size * step) };
    return upright
      ? { x: across - beside, y: along.from, w: TRACK + 2 * beside, h: along.size }
      : { x: along.from, y: across - beside, w: along.size, h: TRACK + 2 * beside };
  };
  return [
    rect(box(0, n), { fill: theme.hair }),
    ...ticks.map(({ token, color }): Mark => rect(box(token, 1), { fill: color })),
    rect(box(span.from, span.to - span.from, 1.5), { radius: 2, stroke: theme.ink2, width: 1 }),
  ];
}

function ticksOf(frame: Frame): { token: number; color: string }[] {
  const { theme } = frame;
  const values = shares(frame);
  const difference = differenceOf(frame);
  const ticks: { token: number; color: string }[] = [];
  for (const [token, value] of (values ?? []).entries()) {
    if (!(Math.abs(value) >= SHOWN)) continue;
    const t = difference === null ? (frame.matrix?.scale.t(value) ?? 1) : value;
    const color =
      difference === null ? theme.seq(0.3 + 0.7 * t) : theme.div(divergingT(difference, value));
    ticks.push({ token, color });
  }
  for (const [, token] of frame.selected) ticks.push({ token, color: theme.ink });
  return ticks;
}

/** One track at the left for rows, one under the matrix for columns. */
export function layoutOverview(frame: Frame, zones: Zones): Mark[] {
  const { n, theme } = frame;
  const marks: Mark[] = [];
  if (zones.rows.to - zones.rows.from < n) {
    const at = { start: zones.top, length: zones.bottom - zones.top, across: ROOM };
    marks.push(...track(theme, true, at, n, zones.rows, ticksOf(frame)));
  }
  if (zones.matrix !== null && zones.columns.to - zones.columns.from < n) {
    const { x, w } = zones.matrix;
    const at = { start: x, length: w, across: zones.bottom + 4 };
    marks.push(...track(theme, false, at, n, zones.columns, []));
  }
  return marks;
}
