/** The graph's lanes, level lines, context and discs. Pure. */
import { differenceOf } from "../compare";
import { layerName } from "../format";
import type { Frame } from "../frame";
import { type Circle, type Curve, line, type Mark } from "../scene";
import { isMean, type Trace } from "../trace";
import { differenceColor, differenceDisc, differenceUnit } from "./difference";
import { COLUMN_WIDTH, type Disc, type DrawnEdge, hasCut, nodeMasses, ribbonStyle } from "./edges";
import { nthSmallest } from "./scale";
import { HEAD_SIZE, type Measure, note, WEIGHT } from "./text";
import { inView, levelX, rowY, viewed, type Zones } from "./zones";

const RESTING_RADIUS = 1.7;
const DENSE_RESTING_RADIUS = 0.9;
const STRIP_HEIGHT = 1.4;

/** Levels on the stage: the shown range, widened where the trace reaches beyond it. */
export function stageLevels(frame: Frame): { first: number; count: number } {
  const difference = differenceOf(frame);
  if (difference !== null) {
    const { a, b } = difference;
    // All that either has, so that both keep their places while A and B change sides.
    const first = Math.min(a.trace.start, b.trace.start);
    return { first, count: Math.max(a.trace.stop, b.trace.stop) - first + 1 };
  }
  const start = Math.min(frame.levels[0], frame.trace?.start ?? frame.levels[0]);
  const stop = Math.max(frame.levels[1], frame.trace?.stop ?? frame.levels[1]);
  return { first: start, count: stop - start + 1 };
}

/** Lanes along the tokens and a line down each level. */
export function layoutLanes(frame: Frame, zones: Zones, count: number): Mark[] {
  const { x0, x1 } = zones.graph!;
  const { n, theme } = frame;
  const marks: Mark[] = [];
  if (!zones.dense) {
    const { first, end } = viewed(zones.rows);
    if (!zones.thin) {
      for (let token = first; token < end; token++) {
        if (!inView(zones.rows, token)) continue;
        const y = rowY(zones, token);
        marks.push(line(x0, y, x1, y, theme.hair));
      }
    }
    for (let level = 0; level < count; level++) {
      const x = levelX(zones, level, count);
      const y0 = Math.max(zones.top, rowY(zones, 0));
      const y1 = Math.min(zones.bottom, rowY(zones, n - 1));
      if (n > 1) marks.push(line(x, y0, x, y1, theme.hair));
    }
    return marks;
  }
  for (let level = 0; level < count; level++) {
    marks.push({
      kind: "rect",
      x: levelX(zones, level, count) - COLUMN_WIDTH / 2,
      y: zones.top,
      w: COLUMN_WIDTH,
      h: zones.bottom - zones.top,
      fill: theme.hair,
    });
  }
  return marks;
}

const NONE: readonly Curve[] = [];
const laidOut = new WeakMap<Trace["context"], { key: string; curves: readonly Curve[] }>();

/** The strongest edges of the mean trace, faint, so that a selection has something to stand out
 * from. The same array as long as nothing about it has changed. */
export function layoutContext(
  frame: Frame,
  zones: Zones,
  first: number,
  count: number,
): readonly Curve[] {
  const { trace, theme } = frame;
  // Beside a cut it would only be in the way.
  if (trace === null || hasCut(trace) || isMean(trace)) return NONE;
  const { graph, top, pitch, rows, dense } = zones;
  const key = JSON.stringify([
    graph,
    top,
    pitch,
    rows,
    dense,
    first,
    count,
    theme.ink,
    theme.paper,
  ]);
  const known = laidOut.get(trace.context);
  if (known?.key === key) return known.curves;
  const gap = dense ? COLUMN_WIDTH / 2 + 1 : 0;
  const curves = trace.context
    .filter(({ query, key }) => inView(rows, query) || inView(rows, key))
    .map(
      ({ block, query, key }): Curve => ({
        kind: "curve",
        x0: levelX(zones, block - first, count) + gap,
        y0: rowY(zones, key),
        x1: levelX(zones, block - first + 1, count) - gap,
        y1: rowY(zones, query),
        width: 0.8,
        color: theme.ink,
        opacity: 0.055,
      }),
    );
  laidOut.set(trace.context, { key, curves });
  return curves;
}

/** Names of the levels above their columns, thinned where levels are close. */
export function layoutHeads(
  frame: Frame,
  zones: Zones,
  first: number,
  count: number,
  measure: Measure,
): Mark[] {
  const marks: Mark[] = [];
  const spacing = count > 1 ? levelX(zones, 1, count) - levelX(zones, 0, count) : 1;
  const text = (index: number) => {
    const level = first + index;
    const name = frame.blocks[level - 1];
    if (name !== undefined) {
      const roomy = measure(name, HEAD_SIZE, WEIGHT.label) < spacing - 8;
      return roomy ? name : name.replace(/^decoder (\d+) (\w+)$/, "$2 $1");
    }
    return index === count - 1 || index === 0 ? layerName(level) : String(level);
  };
  const half = (index: number) => measure(text(index), HEAD_SIZE, WEIGHT.label) / 2;
  const add = (index: number) => {
    const x = levelX(zones, index, count);
    marks.push(note(frame.theme, x, zones.headY, text(index), "middle"));
  };
  add(count - 1);
  const end = levelX(zones, count - 1, count) - half(count - 1) - 8;
  let right = Number.NEGATIVE_INFINITY;
  // A regular step (1, 2, 5, 10, ...) reads better than whatever happens to fit.
  const step = [1, 2, 4, 6, 8, 12, 24].find((s) => s * spacing >= 22) ?? 24;
  for (let index = 0; index < count - 1; index++) {
    if (index > 0 && (first + index) % step !== 0) continue;
    const x = levelX(zones, index, count);
    if (x - half(index) < right || x + half(index) > end) continue;
    add(index);
    right = x + half(index) + 8;
  }
  return marks;
}

/** Of each level, the nodes that a drawn edge meets; the others rest. */
export function touched(
  edges: readonly (readonly DrawnEdge[])[],
  first: number,
  met: readonly Uint8Array[],
): void {
  for (const block of edges) {
    for (const { block: b, query, key } of block) {
      met[b - first]![key] = 1;
      met[b - first + 1]![query] = 1;
    }
  }
}

function massAt(trace: Trace | null, level: number, token: number): number {
  if (trace === null || level < trace.start || level > trace.stop) return 0;
  return nodeMasses(trace)[level - trace.start]![token]!;
}

/** Every node of the stage, by level and then by token. */
export function layoutDiscs(
  frame: Frame,
  zones: Zones,
  met: readonly Uint8Array[],
  first: number,
  count: number,
): Disc[] {
  const { n, trace } = frame;
  const resting = zones.rows.to - zones.rows.from > 64 ? DENSE_RESTING_RADIUS : RESTING_RADIUS;
  const difference = differenceOf(frame);
  const unit =
    difference !== null
      ? differenceUnit(zones)
      : trace === null
        ? 0
        : ribbonStyle(trace, zones).unit;
  const nodeMass = (level: number, token: number) =>
    difference === null
      ? massAt(trace, level, token)
      : // Where ribbons of both signs meet it may be nothing, and is a node all the same.
        Math.max(1e-12, Math.abs(difference.nodes[level - difference.start]?.[token] ?? 0));
  const discs: Disc[] = [];
  for (let index = 0; index < count; index++) {
    const x = levelX(zones, index, count);
    for (let token = 0; token < n; token++) {
      const mass = met[index]![token] === 1 ? nodeMass(first + index, token) : 0;
      const r = Math.max(resting, (mass * unit) / 2);
      discs.push({ level: first + index, token, x, y: rowY(zones, token), r, mass });
    }
  }
  return discs;
}

/** Fill of a disc by its mass. */
function discColor(frame: Frame, mass: number): string {
  return frame.theme.seq(0.5 + 0.5 * Math.sqrt(Math.min(1, mass / 0.4)));
}

function onSourceSide(trace: Trace, disc: Disc): boolean {
  return trace.flow!.sourceSide[disc.level - trace.start]?.[disc.token] === 1;
}

function flowDisc(frame: Frame, trace: Trace, disc: Disc): Circle {
  const { theme } = frame;
  const color = theme.seq(theme.dark ? 0.72 : 0.8);
  if (onSourceSide(trace, disc)) {
    return {
      ...ring(disc, Math.max(2.4, disc.r)),
      fill: theme.seq(theme.dark ? 0.75 : 0.85),
      stroke: theme.paper,
      width: 1.25,
    };
  }
  const fill = disc.r > 4 ? theme.seq(0.15) : theme.paper;
  return { ...ring(disc, Math.max(2.6, disc.r)), fill, stroke: color, width: 1.4 };
}

function ring(disc: Disc, r: number): { kind: "circle"; x: number; y: number; r: number } {
  return { kind: "circle", x: disc.x, y: disc.y, r };
}

/** One node as marks. */
export function discMark(frame: Frame, zones: Zones, disc: Disc): Mark {
  const { theme, trace } = frame;
  const difference = differenceOf(frame);
  if (difference !== null && !zones.dense) return differenceDisc(frame, difference, disc);
  if (zones.dense) {
    const h = Math.max(STRIP_HEIGHT, 2 * disc.r * Number(disc.mass > 0));
    return {
      kind: "rect",
      x: disc.x - COLUMN_WIDTH / 2,
      y: disc.y - h / 2,
      w: COLUMN_WIDTH,
      h,
      fill:
        difference === null
          ? theme.seq(0.2 + 0.8 * Math.sqrt(Math.min(1, disc.mass / 0.4)))
          : differenceColor(theme, difference, disc),
    };
  }
  if (disc.mass <= 0) return { ...ring(disc, disc.r), fill: theme.ink3 };
  if (trace !== null && hasCut(trace)) return flowDisc(frame, trace, disc);
  const fill = discColor(frame, disc.mass);
  if (disc.r <= 4) return { ...ring(disc, disc.r), fill };
  return { ...ring(disc, disc.r + 0.6), fill, stroke: theme.paper, width: 1.25 };
}

/** All nodes, but strips of a column only where something passes, and of them the `most` at
 * which most does. */
export function discMarks(
  frame: Frame,
  zones: Zones,
  discs: readonly Disc[],
  most = Number.POSITIVE_INFINITY,
): Mark[] {
  const masses = Float64Array.from(discs, (disc) => disc.mass);
  const least = discs.length > most ? nthSmallest(masses, discs.length - most) : 0;
  const drawn = discs.filter(
    (disc) =>
      (!zones.dense || (disc.mass > 0 && disc.mass >= least)) &&
      disc.y + disc.r >= zones.top &&
      disc.y - disc.r <= zones.bottom,
  );
  return drawn.sort((a, b) => a.mass - b.mass).map((disc) => discMark(frame, zones, disc));
}
