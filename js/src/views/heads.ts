/** Every head at a glance: all maps on one canvas, a button over each of them. */
import { exactPercent, inBlocks } from "../format";
import type { Context, Frame, View } from "../frame";
import { ARROWS } from "../layout/arrows";
import {
  type HeadCell,
  type HeadOrder,
  type HeadsLayout,
  headMarks,
  isPicked,
  layoutHeads,
  mapMark,
  pickedHeads,
  scaleOf,
  shareOf,
  shownBlocks,
  wholeLength,
} from "../layout/heads";
import { deviceRatio, paint, painterOn, resize } from "../paint/canvas";
import type { Mark } from "../scene";
import {
  alike,
  attribute,
  boxIn,
  button,
  div,
  element,
  listen,
  span,
  targetWithin,
  text,
  UNREAD,
  withCtrl,
} from "./dom";
import { Segmented } from "./segmented";

const ORDERS: Readonly<Record<HeadOrder, string>> = {
  number: "Number",
  entropy: "Entropy",
  share: "Contribution",
};

const ENLARGED = 168;
/** A ring reaches this far beyond the outermost maps. */
const AROUND = 4;
export class HeadsOverview implements View {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #order: Segmented<HeadOrder>;
  readonly #canvas = element("canvas", UNREAD);
  readonly #scratch = element("canvas");
  readonly #buttons = div({ class: "aw-heads-buttons", role: "group", "aria-label": "Heads" });
  readonly #tipCanvas = element("canvas", { class: "aw-head-large", ...UNREAD });
  readonly #tipText = div({});
  readonly #tip = div(
    { class: "aw-tooltip aw-head-tip", role: "tooltip" },
    this.#tipCanvas,
    this.#tipText,
  );
  readonly #caption = element("p", "aw-heads-caption");
  #frame: Frame | null = null;
  #sorted: HeadOrder = "number";
  #seen: readonly unknown[] = [];
  #cells: HeadCell[] = [];
  #reachable = 0;

  constructor(context: Context) {
    this.#context = context;
    this.#order = new Segmented(context.signal, "head-order", "Sort heads by", ORDERS, (order) => {
      this.#sorted = order;
      context.invalidate();
    });
    const sort = div("aw-heads-order", span("aw-control-label", "Sort by"), this.#order.el);
    this.el = element(
      "section",
      { class: "aw-heads", "aria-label": "All heads" },
      element("p", "aw-heads-waiting", "Measuring the heads …"),
      div("aw-heads-picture", this.#canvas, this.#buttons),
      div("aw-heads-foot", this.#caption, sort),
      this.#tip,
    );
    this.#tip.hidden = this.el.hidden = true;
    this.#listen();
  }

  update(frame: Frame): void {
    this.#frame = frame;
    const { size, headMaps, headShares, theme } = frame;
    const open = size === "narrow" ? frame.tab === "heads" : frame.headsOpen;
    this.el.hidden = !open;
    if (!open) {
      this.#hideTip();
      return;
    }
    this.el.toggleAttribute("data-waiting", headMaps === null);
    this.#order.set(this.#sorted);
    if (headMaps === null) return;
    const width = this.#buttons.parentElement!.clientWidth;
    const ratio = deviceRatio();
    const seen = [
      ...[width, ratio, this.#sorted, theme, size, headMaps, headShares],
      ...[frame.method, ...frame.levels, frame.heads, frame.topHead],
    ];
    if (alike(seen, this.#seen)) return;
    this.#seen = seen;
    const layout = layoutHeads(frame, width, this.#sorted);
    const marks = headMarks(frame, layout, this.#sorted, ratio);
    this.#paint(this.#canvas, layout.width, layout.height, AROUND, ratio, marks);
    this.#place(frame, layout);
    text(this.#caption, captionOf(frame, this.#sorted));
  }

  /** Marks onto a canvas that reaches `around` px beyond them. */
  #paint(
    canvas: HTMLCanvasElement,
    width: number,
    height: number,
    around: number,
    ratio: number,
    marks: readonly Mark[],
  ): void {
    resize(canvas, width + 2 * around, height + 2 * around, ratio);
    canvas.style.margin = `${-around}px`;
    const { fontFamily } = getComputedStyle(this.el);
    paint(painterOn(canvas, ratio, fontFamily, this.#scratch, around), marks);
  }

  /** A button for each map: what a pointer, a key and a screen reader meet. */
  #place(frame: Frame, layout: HeadsLayout): void {
    this.#cells = layout.groups.flatMap(({ cells }) => cells);
    const { children } = this.#buttons;
    while (children.length > this.#cells.length) children[children.length - 1]!.remove();
    while (children.length < this.#cells.length) {
      this.#buttons.append(button("aw-head", { tabindex: "-1" }));
    }
    for (const [i, cell] of this.#cells.entries()) {
      const map = children[i] as HTMLButtonElement;
      const [side, moved] = [`${layout.side}px`, `translate(${cell.x}px, ${cell.y}px)`];
      map.style.cssText = `transform:${moved};width:${side};height:${side}`;
      attribute(map, "data-index", i);
      attribute(map, "aria-label", describe(frame, cell).join(", "));
      attribute(map, "aria-pressed", isPicked(frame, cell.layer, cell.head));
    }
    this.#reach(Math.min(this.#reachable, this.#cells.length - 1), false);
  }

  #reach(index: number, focus: boolean): void {
    const { children } = this.#buttons;
    const [old, map] = [children[this.#reachable], children[index]];
    if (old !== undefined) attribute(old, "tabindex", "-1");
    this.#reachable = index;
    if (!(map instanceof HTMLElement)) return;
    attribute(map, "tabindex", "0");
    if (focus) map.focus();
  }

  #listen(): void {
    const { signal, actions } = this.#context;
    const cellOf = (event: Event): number =>
      Number(targetWithin(event, ".aw-head")?.getAttribute("data-index") ?? -1);
    const hide = (): void => this.#hideTip();
    listen(this.#buttons, signal, {
      click: (event) => {
        const index = cellOf(event);
        const cell = this.#cells[index];
        if (cell === undefined || this.#frame === null) return;
        this.#reach(index, false);
        actions.setHeads(pickedHeads(this.#frame, cell.head, withCtrl(event)));
      },
      pointerover: (event) => this.#showTip(cellOf(event)),
      pointerleave: hide,
      focusin: (event) => {
        if ((event.target as HTMLElement).matches(":focus-visible")) this.#showTip(cellOf(event));
      },
      focusout: hide,
      keydown: (event) => {
        if (withCtrl(event) || event.altKey) return;
        const next = this.#neighbour(cellOf(event), event.key);
        if (next === null) return;
        event.preventDefault();
        this.#reach(next, true);
      },
    });
  }

  /** The nearest map in the direction of an arrow. */
  #neighbour(index: number, key: string): number | null {
    const from = this.#cells[index];
    if (from === undefined) return null;
    if (key === "Home") return 0;
    if (key === "End") return this.#cells.length - 1;
    const step = ARROWS[key];
    if (step === undefined) return null;
    const [dx, dy] = step;
    let best = index;
    let nearest = Number.POSITIVE_INFINITY;
    for (const [i, { x, y }] of this.#cells.entries()) {
      const along = (x - from.x) * dx + (y - from.y) * dy;
      const across = Math.abs((x - from.x) * dy) + Math.abs((y - from.y) * dx);
      if (along < 1) continue;
      // Straight ahead before anything nearer beside it.
      const distance = along + 8 * across;
      if (distance < nearest) [nearest, best] = [distance, i];
    }
    return best;
  }

  #showTip(index: number): void {
    const frame = this.#frame;
    const cell = this.#cells[index];
    this.#hideTip();
    if (frame === null || frame.headMaps === null || cell === undefined) return;
    const { side } = frame.headMaps;
    const ratio = deviceRatio();
    // A whole number of device pixels a cell: no two of them differ in size.
    const wide = (side * Math.max(1, Math.round((ENLARGED * ratio) / side))) / ratio;
    const enlarged = mapMark(frame, cell, scaleOf(frame), [0, 0, wide], false);
    this.#paint(this.#tipCanvas, wide, wide, 0, ratio, [enlarged]);
    const [name, ...rest] = describe(frame, cell);
    this.#tipText.replaceChildren(
      div({}, span("aw-strong", name!)),
      ...rest.map((line) => div("aw-quiet", line)),
    );
    this.#tip.hidden = false;
    const { clientWidth, clientHeight } = this.el;
    const map = boxIn(this.el, this.#buttons.children[index]!);
    const { offsetWidth: w, offsetHeight: h } = this.#tip;
    // Beside its map, so that neither what is above nor what is below the heads is covered.
    const right = map.x + map.w + 10;
    const left = right + w <= clientWidth - 4 ? right : map.x - w - 10;
    const middle = map.y + (map.h - h) / 2;
    const top = Math.max(4, Math.min(middle, clientHeight - h - 4));
    this.#tip.style.left = `${Math.round(Math.max(4, left))}px`;
    this.#tip.style.top = `${Math.round(top)}px`;
  }

  #hideTip(): void {
    this.#tip.hidden = true;
  }
}

/** Name, entropy and part in the selection of one head. */
function describe(frame: Frame, { layer, head }: HeadCell): string[] {
  const { headMaps, headShares, nHeads } = frame;
  const bits = headMaps?.entropy[layer * nHeads + head] ?? 0;
  const lines = [
    inBlocks(`Layer ${layer + 1}, head ${head}`, frame.blocks),
    `entropy ${bits.toFixed(2)} bits`,
  ];
  const share = shareOf(headShares, layer, head);
  if (share !== null) {
    const of = frame.selected.length === 0 ? "what the layer reads" : "the selection’s trace";
    lines.push(`${exactPercent(share)} of ${of}`);
  }
  return lines;
}

function captionOf(frame: Frame, order: HeadOrder): string {
  const bits = Math.log2(wholeLength(frame));
  const bar =
    order === "share"
      ? "The bar is the head’s part in the trace, beside the strongest of its layer."
      : `The bar is the mean entropy of the rows, 0 to ${Number(bits.toFixed(1))} bits.`;
  const parts = ["Rows attend to columns, each map on its own scale.", bar];
  parts.push("Head numbers do not correspond between layers.");
  const [from, to] = shownBlocks(frame);
  const outside = frame.nLayers - (to - from);
  if (outside > 0) parts.push("Layers outside the chosen range are dimmed.");
  return parts.join(" ");
}
