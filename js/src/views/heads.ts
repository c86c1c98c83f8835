/** Every head at a glance: all maps on one canvas, a button over each of them. */
import { exactPercent } from "../format";
import type { Context, Frame, View } from "../frame";
import {
  atlas,
  barOf,
  type HeadCell,
  type HeadOrder,
  type HeadsLayout,
  isPicked,
  layoutHeads,
  pickedHeads,
  shareOf,
  shownBlocks,
  wholeLength,
} from "../layout/heads";
import { attribute, element, targetWithin, text } from "./dom";
import { Segmented } from "./segmented";

const ORDERS: readonly { value: HeadOrder; label: string }[] = [
  { value: "number", label: "Number" },
  { value: "entropy", label: "Entropy" },
  { value: "share", label: "Contribution" },
];

/** Layers outside the range are dimmed to this. */
const OUTSIDE = 0.4;
/** In the order of contribution the least of a layer still shows. */
const FAINTEST = 0.3;
const ENLARGED = 168;
/** A ring reaches this far beyond the outermost maps. */
const AROUND = 4;

export class HeadsOverview implements View {
  readonly el: HTMLElement;
  readonly #context: Context;
  readonly #order: Segmented<HeadOrder>;
  readonly #canvas = element("canvas", { "aria-hidden": "true" });
  readonly #atlas = document.createElement("canvas");
  readonly #buttons = element("div", {
    class: "aw-heads-buttons",
    role: "group",
    "aria-label": "Heads",
  });
  readonly #tip = element("div", { class: "aw-tooltip aw-head-tip", role: "tooltip" });
  readonly #tipCanvas = element("canvas", { class: "aw-head-large", "aria-hidden": "true" });
  readonly #tipText = element("div");
  readonly #caption = element("p", { class: "aw-heads-caption" });
  readonly #waiting = element("p", { class: "aw-heads-waiting" }, "Measuring the heads …");
  #frame: Frame | null = null;
  #layout: HeadsLayout | null = null;
  #sorted: HeadOrder = "number";
  #seen: readonly unknown[] = [];
  #painted: readonly unknown[] = [];
  #cells: HeadCell[] = [];
  #reachable = 0;

  constructor(context: Context) {
    this.#context = context;
    this.#order = new Segmented(context.signal, "head-order", "Sort heads by", ORDERS, (order) => {
      this.#sorted = order;
      context.invalidate();
    });
    this.#tip.append(this.#tipCanvas, this.#tipText);
    this.#tip.hidden = true;
    const picture = element("div", { class: "aw-heads-picture" }, this.#canvas, this.#buttons);
    const foot = element(
      "div",
      { class: "aw-heads-foot" },
      this.#caption,
      element(
        "div",
        { class: "aw-heads-order" },
        element("span", { class: "aw-control-label" }, "Sort by"),
        this.#order.el,
      ),
    );
    this.el = element(
      "section",
      { class: "aw-heads", "aria-label": "All heads" },
      this.#waiting,
      picture,
      foot,
      this.#tip,
    );
    this.el.hidden = true;
    this.#listen();
  }

  update(frame: Frame): void {
    this.#frame = frame;
    const open = frame.size === "narrow" ? frame.tab === "heads" : frame.headsOpen;
    this.el.hidden = !open;
    if (!open) {
      this.#hideTip();
      return;
    }
    this.el.toggleAttribute("data-waiting", frame.headMaps === null);
    this.#order.set(this.#sorted);
    if (frame.headMaps === null) return;
    const width = this.#buttons.parentElement!.clientWidth;
    const ratio = window.devicePixelRatio || 1;
    const seen = [
      ...[width, ratio, this.#sorted, frame.theme, frame.size, frame.headMaps, frame.headShares],
      ...[frame.method, ...frame.levels, frame.heads, frame.topHead],
    ];
    if (seen.length === this.#seen.length && seen.every((value, i) => value === this.#seen[i]))
      return;
    this.#seen = seen;
    this.#layout = layoutHeads(frame, width, this.#sorted);
    this.#paint(frame, this.#layout, ratio);
    this.#place(frame, this.#layout);
    text(this.#caption, captionOf(frame, this.#sorted));
  }

  /** The maps change with the kernel and the theme alone; where they lie, more often. */
  #paintAtlas(frame: Frame): void {
    const { headMaps, theme, nLayers, nHeads } = frame;
    if (headMaps === null || (this.#painted[0] === headMaps && this.#painted[1] === theme)) return;
    this.#painted = [headMaps, theme];
    this.#atlas.width = nHeads * headMaps.side;
    this.#atlas.height = nLayers * headMaps.side;
    const pixels = atlas(headMaps, nLayers, nHeads, theme.seqRGB);
    const image = new ImageData(pixels, this.#atlas.width, this.#atlas.height);
    this.#atlas.getContext("2d")?.putImageData(image, 0, 0);
  }

  #paint(frame: Frame, layout: HeadsLayout, ratio: number): void {
    this.#paintAtlas(frame);
    const { width, height } = layout;
    const context = this.#canvas.getContext("2d");
    if (context === null) throw new Error("This browser gives no 2D canvas to draw on.");
    const [w, h] = [width + 2 * AROUND, height + 2 * AROUND];
    this.#canvas.width = Math.round(w * ratio);
    this.#canvas.height = Math.round(h * ratio);
    this.#canvas.style.cssText = `width:${w}px;height:${h}px;margin:${-AROUND}px`;
    context.setTransform(ratio, 0, 0, ratio, AROUND * ratio, AROUND * ratio);
    const family = getComputedStyle(this.el).fontFamily;
    const { theme } = frame;
    context.textBaseline = "middle";
    const words = (
      words: string,
      x: number,
      y: number,
      [size, weight, color]: [number, number, string],
      align: CanvasTextAlign = "left",
    ): void => {
      context.font = `${weight} ${size}px ${family}`;
      context.fillStyle = color;
      context.textAlign = align;
      context.fillText(words, x, y);
    };
    for (const group of layout.groups) {
      const dim = group.inside ? 1 : OUTSIDE;
      context.globalAlpha = dim;
      const y = group.y + 9;
      words(`Layer ${group.layer + 1}`, group.x, y, [12, 620, theme.ink]);
      const bits = `${group.entropy.toFixed(1)} bits`;
      words(bits, group.x + group.w, y, [11, 430, theme.ink2], "right");
      for (const cell of group.cells) this.#paintCell(context, frame, layout, cell, dim, ratio);
    }
    context.globalAlpha = 1;
    for (const { head, x, y } of layout.groups.flatMap(({ cells }) =>
      cells.map((cell) => ({ ...cell, head: isPicked(frame, cell.layer, cell.head) })),
    )) {
      if (!head) continue;
      context.strokeStyle = theme.accent;
      context.lineWidth = 2;
      context.beginPath();
      context.roundRect(x - 2, y - 2, layout.side + 4, layout.side + 4, 4);
      context.stroke();
    }
    for (const group of layout.groups) {
      context.globalAlpha = group.inside ? 1 : OUTSIDE;
      for (const { layer, head, x, y } of group.cells) {
        const picked = isPicked(frame, layer, head);
        const style: [number, number, string] = picked
          ? [10.5, 620, theme.ink]
          : [10, 430, theme.ink2];
        words(String(head), x, y + layout.side + 9, style);
      }
    }
    context.globalAlpha = 1;
  }

  #paintCell(
    context: CanvasRenderingContext2D,
    frame: Frame,
    layout: HeadsLayout,
    { layer, head, x, y }: HeadCell,
    dim: number,
    ratio: number,
  ): void {
    const { theme, headMaps } = frame;
    const { side } = layout;
    const bar = barOf(frame, this.#sorted, layer, head);
    const stands = this.#sorted === "share" && bar !== null ? FAINTEST + (1 - FAINTEST) * bar : 1;
    const source = headMaps!.side;
    // Whole device pixels, or the outermost cells would be cut.
    const [left, top] = [Math.round(x * ratio) / ratio, Math.round(y * ratio) / ratio];
    context.globalAlpha = dim * stands;
    context.imageSmoothingEnabled = source > side * ratio;
    context.drawImage(
      this.#atlas,
      ...[head * source, layer * source, source, source],
      ...([left, top, side, side] as const),
    );
    context.globalAlpha = dim;
    context.strokeStyle = theme.line;
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, top - 0.5, side + 1, side + 1);
    if (bar === null) return;
    const from = x + 16;
    const length = Math.max(4, side - 17);
    const at = y + side + 7;
    const fill = (w: number, color: string): void => {
      context.fillStyle = color;
      context.beginPath();
      context.roundRect(from, at, w, 4, 2);
      context.fill();
    };
    fill(length, theme.hair);
    const picked = isPicked(frame, layer, head);
    if (bar > 0) fill(Math.max(2, length * bar), picked ? theme.accent : theme.ink3);
  }

  /** A button for each map: what a pointer, a key and a screen reader meet. */
  #place(frame: Frame, layout: HeadsLayout): void {
    this.#cells = layout.groups.flatMap(({ cells }) => cells);
    const { children } = this.#buttons;
    while (children.length > this.#cells.length) children[children.length - 1]!.remove();
    while (children.length < this.#cells.length) {
      this.#buttons.append(element("button", { type: "button", class: "aw-head", tabindex: "-1" }));
    }
    for (const [i, cell] of this.#cells.entries()) {
      const button = children[i] as HTMLButtonElement;
      button.style.transform = `translate(${cell.x}px, ${cell.y}px)`;
      button.style.width = `${layout.side}px`;
      button.style.height = `${layout.side}px`;
      attribute(button, "data-index", String(i));
      attribute(button, "aria-label", describe(frame, cell).join(", "));
      attribute(button, "aria-pressed", String(isPicked(frame, cell.layer, cell.head)));
    }
    this.#reach(Math.min(this.#reachable, this.#cells.length - 1), false);
  }

  #reach(index: number, focus: boolean): void {
    const { children } = this.#buttons;
    const [old, button] = [children[this.#reachable], children[index]];
    if (old !== undefined) attribute(old, "tabindex", "-1");
    this.#reachable = index;
    if (!(button instanceof HTMLElement)) return;
    attribute(button, "tabindex", "0");
    if (focus) button.focus();
  }

  #listen(): void {
    const { signal, actions } = this.#context;
    const cellOf = (event: Event): number | null => {
      const index = targetWithin(event, ".aw-head")?.getAttribute("data-index");
      return index == null ? null : Number(index);
    };
    const on = <K extends keyof HTMLElementEventMap>(
      type: K,
      listener: (event: HTMLElementEventMap[K]) => void,
    ): void => this.#buttons.addEventListener(type, listener, { signal });
    on("click", (event) => {
      const index = cellOf(event);
      const cell = index === null ? undefined : this.#cells[index];
      if (cell === undefined || index === null || this.#frame === null) return;
      this.#reach(index, false);
      actions.setHeads(pickedHeads(this.#frame, cell.head, event.ctrlKey || event.metaKey));
    });
    on("pointerover", (event) => {
      const index = cellOf(event);
      if (index === null) this.#hideTip();
      else this.#showTip(index);
    });
    on("pointerleave", () => this.#hideTip());
    on("focusin", (event) => {
      const index = cellOf(event);
      if (index !== null && (event.target as HTMLElement).matches(":focus-visible"))
        this.#showTip(index);
    });
    on("focusout", () => this.#hideTip());
    on("keydown", (event) => {
      const index = cellOf(event);
      if (index === null || event.ctrlKey || event.metaKey || event.altKey) return;
      const next = this.#neighbour(index, event.key);
      if (next === null) return;
      event.preventDefault();
      this.#reach(next, true);
    });
  }

  /** The nearest map in the direction of an arrow. */
  #neighbour(index: number, key: string): number | null {
    const from = this.#cells[index];
    if (from === undefined) return null;
    if (key === "Home") return 0;
    if (key === "End") return this.#cells.length - 1;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[
      key
    ];
    if (step === undefined) return null;
    const [dx, dy] = step as [number, number];
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
    if (frame === null || frame.headMaps === null || cell === undefined || this.#layout === null)
      return;
    const { side } = frame.headMaps;
    const context = this.#tipCanvas.getContext("2d");
    const ratio = window.devicePixelRatio || 1;
    // A whole number of device pixels a cell: no two of them differ in size.
    const pixels = side * Math.max(1, Math.round((ENLARGED * ratio) / side));
    this.#tipCanvas.width = this.#tipCanvas.height = pixels;
    this.#tipCanvas.style.width = this.#tipCanvas.style.height = `${pixels / ratio}px`;
    if (context !== null) {
      context.imageSmoothingEnabled = false;
      const [sx, sy] = [cell.head * side, cell.layer * side];
      context.drawImage(this.#atlas, sx, sy, side, side, 0, 0, pixels, pixels);
    }
    const [name, ...rest] = describe(frame, cell);
    this.#tipText.replaceChildren(
      element("div", {}, element("span", { class: "aw-strong" }, name!)),
      ...rest.map((line) => element("div", { class: "aw-quiet" }, line)),
    );
    this.#tip.hidden = false;
    const own = this.el.getBoundingClientRect();
    const button = this.#buttons.children[index]!.getBoundingClientRect();
    const { offsetWidth: w, offsetHeight: h } = this.#tip;
    // Beside its map, so that neither what is above nor what is below the heads is covered.
    const right = button.right - own.left + 10;
    const left = right + w <= own.width - 4 ? right : button.left - own.left - w - 10;
    const middle = button.top - own.top + button.height / 2 - h / 2;
    const top = Math.max(4, Math.min(middle, own.height - h - 4));
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
  const lines = [`Layer ${layer + 1}, head ${head}`, `entropy ${bits.toFixed(2)} bits`];
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
