/** Which rows and columns are in view, in tokens: zooming, panning, centring. Pure. */

/** From the upper edge of token `from` to the upper edge of token `to`; fractions cut tokens. */
export interface Span {
  from: number;
  to: number;
}

/** Null: all of them. Rows are those of graph and matrix alike: one row, one token, everywhere. */
export interface Zoom {
  rows: Span | null;
  columns: Span | null;
}

export const WHOLE: Zoom = { rows: null, columns: null };

/** No row or column is made higher than this, in px. */
const LARGEST = 52;
/** Where a double click takes a row. */
const CENTRED = 22;

/** The fewest tokens that fill `room` px. */
export function leastLength(n: number, room: number): number {
  return Math.min(n, Math.max(3, room / LARGEST));
}

function within(n: number, from: number, length: number): Span | null {
  if (length >= n * (1 - 1e-6)) return null;
  const first = Math.min(n - length, Math.max(0, from));
  return { from: first, to: first + length };
}

/** `factor` > 1 goes nearer; what lies at the share `at` of the window stays where it is. */
export function zoomed(
  span: Span | null,
  n: number,
  at: number,
  factor: number,
  room: number,
): Span | null {
  const { from, to } = span ?? { from: 0, to: n };
  const length = Math.min(n, Math.max(leastLength(n, room), (to - from) / factor));
  return within(n, from + at * (to - from - length), length);
}

/** Move by so many tokens. */
export function panned(span: Span | null, n: number, by: number): Span | null {
  return span === null ? null : within(n, span.from + by, span.to - span.from);
}

/** Rows around a token, high enough to be read. */
export function centred(n: number, token: number, room: number): Span | null {
  const length = Math.max(leastLength(n, room), room / CENTRED);
  return within(n, token + 0.5 - length / 2, length);
}

/** The least move that brings a token into view, with one more beside it. */
export function revealing(span: Span | null, n: number, token: number): Span | null {
  if (span === null) return null;
  if (token - 1 < span.from) return panned(span, n, token - 1 - span.from);
  if (token + 2 > span.to) return panned(span, n, token + 2 - span.to);
  return span;
}

export function sameZoom(a: Zoom, b: Zoom): boolean {
  const same = (one: Span | null, other: Span | null) =>
    one === other || (one?.from === other?.from && one?.to === other?.to);
  return same(a.rows, b.rows) && same(a.columns, b.columns);
}
