import { describe, expect, test } from "vitest";
import { contrast, makeTheme, parseColor, type RGB } from "../src/color";
import { type Frame, sizeOf } from "../src/frame";
import { cutSums, roundedParts } from "../src/layout/cut";
import { countKept, type DrawnEdge, MAX_EDGES, ribbonStyle } from "../src/layout/edges";
import { layoutStage, type StageLayout } from "../src/layout/stage";
import type { Trace } from "../src/trace";
import { frameFrom, measure, sent, stageFrame, walk } from "./stages";

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);
const lay = (frame: Frame): StageLayout => layoutStage(frame, 27, measure);

function discAt(layout: StageLayout, level: number, token: number) {
  const disc = layout.discs.find((d) => d.level === level && d.token === token);
  if (disc === undefined) throw new Error(`no disc at ${level}, ${token}`);
  return disc;
}

/** The span that each ribbon takes at its disc, in true width. */
function spans(edges: readonly DrawnEdge[], at: "query" | "key", token: number, unit: number) {
  return edges
    .filter((edge) => edge[at] === token)
    .sort((a, b) => (at === "query" ? a.key - b.key : a.query - b.query))
    .map(({ curve, value }) => {
      const y = at === "query" ? curve.y1 : curve.y0;
      return [y - (value * unit) / 2, y + (value * unit) / 2] as const;
    });
}

describe("ribbons of a whole trace", () => {
  const frame = stageFrame(12, 4, { massShown: 1 });
  const layout = lay(frame);
  const unit = ribbonStyle(frame.trace!, layout.zones).unit;

  test("the unit is 1.15 rows", () => {
    expect(unit).toBeCloseTo(1.15 * layout.zones.pitch, 9);
  });

  test("tile the disc they meet, from end to end, in the order of their far ends", () => {
    for (let level = 0; level <= 4; level++) {
      for (let token = 0; token < frame.n; token++) {
        const { y, r, mass } = discAt(layout, level, token);
        if (mass === 0) continue;
        for (const [block, at] of [
          [level - 1, "query"],
          [level, "key"],
        ] as const) {
          const found = spans(layout.edges[block] ?? [], at, token, unit);
          if (found.length === 0) continue;
          const half = (mass * unit) / 2;
          expect(found[0]![0]).toBeCloseTo(y - half, 6);
          expect(found.at(-1)![1]).toBeCloseTo(y + half, 6);
          for (let i = 1; i < found.length; i++) {
            expect(found[i]![0]).toBeCloseTo(found[i - 1]![1], 6);
          }
          expect(r).toBeGreaterThanOrEqual(half);
        }
      }
    }
  });

  test("are as wide as their share, never thinner than can be seen", () => {
    for (const { value, curve } of layout.edges.flat()) {
      expect(curve.width).toBeCloseTo(Math.max(0.6, value * unit), 9);
    }
  });

  test("run from the key's level to the query's", () => {
    const { x0, x1 } = layout.zones.graph!;
    const [edge] = layout.edges[3]!;
    expect(edge!.curve.x1).toBe(x1);
    expect(edge!.curve.x0).toBeCloseTo(x0 + (3 / 4) * (x1 - x0), 9);
  });

  test("the strongest are drawn last", () => {
    for (const block of layout.edges) {
      for (let e = 1; e < block.length; e++) {
        expect(block[e]!.value).toBeGreaterThanOrEqual(block[e - 1]!.value);
      }
    }
  });
});

describe.each([false, true])("colours, dark %s", (dark) => {
  test("an edge of 4 % or more stands out 3 to 1 on the paper", () => {
    const theme = makeTheme(dark);
    const rgb = (color: string) => parseColor(color)!.slice(0, 3) as RGB;
    const paper = rgb(theme.paper);
    const { edges } = lay(stageFrame(16, 4, { theme }));
    for (const { value, curve } of edges.flat()) {
      if (value < 0.04) continue;
      const ink = rgb(curve.color);
      const seen = ink.map((c, i) => c * curve.opacity + paper[i]! * (1 - curve.opacity)) as RGB;
      expect(contrast(seen, paper)).toBeGreaterThanOrEqual(3);
    }
  });
});

describe("mass shown", () => {
  const trace = walk(30, 2, 3);

  test("keeps the fewest edges that hold the share", () => {
    const block = trace.blocks[0]!;
    const kept = countKept(block, 1, 0.8);
    const strongest = [...block.value].slice(-kept);
    expect(sum(strongest)).toBeGreaterThanOrEqual(0.8 - 1e-9);
    expect(sum(strongest.slice(1))).toBeLessThan(0.8);
    expect(countKept(block, 1, 1)).toBe(block.value.length);
  });

  test("stops at its limit", () => {
    const n = 2 * MAX_EDGES;
    const block = {
      block: 0,
      query: new Int32Array(n),
      key: new Int32Array(n),
      value: new Float64Array(n).fill(1 / n),
    };
    expect(countKept(block, 1, 1)).toBe(MAX_EDGES);
  });

  test("while the picture moves the strongest alone are laid out, where they always are", () => {
    const frame = stageFrame(40, 3);
    const whole = lay(frame);
    const some = layoutStage(frame, 27, measure, undefined, 60);
    expect([whole.partial, some.partial]).toEqual([false, true]);
    expect(some.edges).toEqual(whole.edges.map((block) => block.slice(-20)));
    expect(some.discs).toEqual(whole.discs);
  });

  test("nodes that no drawn edge meets rest", () => {
    const frame = stageFrame(30, 2, { massShown: 0.3 });
    const layout = lay(frame);
    const met = new Set(
      layout.edges
        .flat()
        .flatMap(({ block, query, key }) => [`${block + 1} ${query}`, `${block} ${key}`]),
    );
    for (const { level, token, mass, r } of layout.discs) {
      expect(mass > 0).toBe(met.has(`${level} ${token}`));
      if (mass === 0) expect(r).toBe(1.7);
    }
    expect(met.size).toBeLessThan(layout.discs.length);
  });
});

test("with nothing selected the largest disc fills 0.9 of its row", () => {
  const layout = lay(stageFrame(16, 4, {}, null));
  const largest = Math.max(...layout.discs.map(({ r }) => r));
  expect(2 * largest).toBeCloseTo(0.9 * layout.zones.pitch, 6);
});

test("above 200 tokens levels are columns of strips", () => {
  const layout = lay(stageFrame(256, 2, { massShown: 0.5 }));
  const [edge] = layout.edges[0]!;
  expect(edge!.curve.x0).toBe(layout.zones.graph!.x0 + 4);
  const strips = layout.over.filter((mark) => mark.kind === "rect" && mark.w === 6);
  expect(strips.length).toBeGreaterThan(10);
  for (const strip of strips) {
    if (strip.kind === "rect") expect(strip.h).toBeGreaterThanOrEqual(1.4);
  }
  expect(layout.over.some((mark) => mark.kind === "circle")).toBe(false);
});

test("48 levels keep their names apart", () => {
  const layout = lay(stageFrame(8, 48));
  const names = layout.around
    .filter((mark) => mark.kind === "text" && mark.y === layout.zones.headY)
    .flatMap((mark) => (mark.kind === "text" && mark.anchor === "middle" ? [mark] : []))
    .sort((a, b) => a.x - b.x);
  expect(names[0]!.text).toBe("input");
  expect(names.at(-1)!.text).toBe("layer 48");
  expect(names.length).toBeGreaterThan(8);
  for (let i = 1; i < names.length; i++) {
    const [left, right] = [names[i - 1]!, names[i]!];
    const space = measure(left.text, left.size, 430) / 2 + measure(right.text, right.size, 430) / 2;
    expect(right.x - left.x).toBeGreaterThan(space);
  }
});

test("raw attention begins anew in each block, and still no ribbon leaves its disc's row", () => {
  const frame = stageFrame(12, 3, { massShown: 1 }, null);
  const trace: Trace = {
    ...frame.trace!,
    method: "attention",
    // Every token of every block reads as much as any other; CLS alone is read by all.
    nodes: frame.trace!.nodes.map(() => new Float64Array(12).fill(1 / 12)),
    blocks: [0, 1, 2].map((block) => ({
      block,
      query: Int32Array.from({ length: 12 }, (_, i) => i),
      key: new Int32Array(12),
      value: new Float64Array(12).fill(1 / 12),
    })),
  };
  const layout = lay({ ...frame, method: "attention", trace });
  const unit = ribbonStyle(trace, layout.zones).unit;
  expect(unit).toBeCloseTo(0.9 * layout.zones.pitch, 9);
  for (const level of [0, 1, 2]) {
    const { y, r } = discAt(layout, level, 0);
    const found = spans(layout.edges[level]!, "key", 0, unit);
    expect(found[0]![0]).toBeCloseTo(y - r, 6);
    expect(found.at(-1)![1]).toBeCloseTo(y + r, 6);
  }
});

describe("a flow with its cut", () => {
  const frame = frameFrom(sent.flow());
  const trace = frame.trace!;
  const layout = lay(frame);

  test("the blocks' sums add up to the value, in print as well", () => {
    const sums = cutSums(trace);
    expect(sum(sums)).toBeCloseTo(trace.flow!.value, 5);
    const printed = roundedParts(sums, trace.flow!.value, 3);
    expect(sum(printed)).toBeCloseTo(Number(trace.flow!.value.toFixed(3)), 9);
    const texts = layout.around.flatMap((mark) => (mark.kind === "text" ? [mark.text] : []));
    for (const part of printed) expect(texts).toContain(part.toFixed(3));
    expect(texts).toContain(`= ${trace.flow!.value.toFixed(3)}`);
  });

  test.each([480, 600, 900, 1200])("the sums never touch each other, %i px wide", (width) => {
    const narrow = lay({ ...frame, width, size: sizeOf(width) });
    const line = narrow.around
      .flatMap((mark) => (mark.kind === "text" && mark.y === narrow.zones.sumsY ? [mark] : []))
      .map(({ x, text, size, weight, anchor }) => {
        const w = measure(text, size, weight);
        const left = anchor === "end" ? x - w : x - w / 2;
        return [left, left + w] as const;
      })
      .sort((a, b) => a[0] - b[0]);
    expect(line.length).toBeGreaterThan(4);
    for (let i = 1; i < line.length; i++) expect(line[i]![0]).toBeGreaterThan(line[i - 1]![1]);
  });

  test.each([720, 800, 900, 1079, 1200])("no words lie over others, %i px wide", (width) => {
    const stage = lay({ ...frame, width, size: sizeOf(width) });
    const boxes = [...stage.around, ...stage.matrix].flatMap((mark) => {
      if (mark.kind !== "text" || mark.rotate !== undefined) return [];
      const w = measure(mark.text, mark.size, mark.weight);
      const shift = { start: 0, middle: w / 2, end: w }[mark.anchor];
      return [{ text: mark.text, x: mark.x - shift, w, y: mark.y, h: 0.75 * mark.size }];
    });
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        const apart =
          a.x + a.w <= b.x || b.x + b.w <= a.x || Math.abs(a.y - b.y) >= (a.h + b.h) / 2;
        expect(apart, `${a.text} over ${b.text}`).toBe(true);
      }
    }
  });

  test("parts are rounded by less than one digit, and zeros stay zeros", () => {
    const printed = roundedParts([0.0334, 0.0333, 0, 0.0333], 0.1, 3);
    expect(sum(printed)).toBeCloseTo(0.1, 12);
    expect(printed[2]).toBe(0);
  });

  test("all of the cut is drawn in its own colour, whatever mass is shown", () => {
    const few = lay({ ...frame, massShown: 0.01 });
    const drawn = few.edges.flat().filter((edge) => edge.cut);
    expect(drawn).toHaveLength(trace.flow!.cut.length);
    for (const { curve } of drawn) expect(curve.color).toBe(frame.theme.cut);
    expect(few.edges.flat().some((edge) => !edge.cut)).toBe(true);
  });

  test("edges that carry a hundredth of it wear a bar across their middle", () => {
    const carrying = layout.edges
      .flat()
      .filter((edge) => edge.cut && edge.value >= 0.01 * trace.flow!.value);
    const bars = layout.over.filter(
      (mark) => mark.kind === "line" && mark.color === frame.theme.cut,
    );
    expect(bars).toHaveLength(carrying.length);
    const widest = carrying.at(-1)!.curve;
    const bar = bars.find(
      (mark) =>
        mark.kind === "line" &&
        Math.abs((mark.x0 + mark.x1) / 2 - (widest.x0 + widest.x1) / 2) < 1e-6 &&
        Math.abs((mark.y0 + mark.y1) / 2 - (widest.y0 + widest.y1) / 2) < 1e-6,
    );
    if (bar?.kind !== "line") throw new Error("the widest cut edge has no bar");
    const along = [widest.x1 - widest.x0, 2 * (widest.y1 - widest.y0)] as const;
    const across = [bar.x1 - bar.x0, bar.y1 - bar.y0] as const;
    expect(along[0] * across[0] + along[1] * across[1]).toBeCloseTo(0, 6);
    expect(Math.hypot(...across)).toBeCloseTo(Math.max(10, widest.width + 10), 6);
  });

  test("nothing stands behind a cut", () => {
    expect(trace.context.length).toBeGreaterThan(0);
    expect(layout.behind.some((mark) => mark.kind === "curve")).toBe(false);
  });
});

test("a selected node inside the graph wears its name beside it", () => {
  const frame = { ...frameFrom(sent.rollout()), selected: [[2, 10]] as [number, number][] };
  const layout = lay(frame);
  const names = layout.over.flatMap((mark) => (mark.kind === "text" ? [mark.text] : []));
  expect(names).toEqual(["it"]);
});
