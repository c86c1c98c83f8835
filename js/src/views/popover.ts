/** A panel under its button. Closes on Escape, on a press outside and on its button. */
import { attribute, element, rootOf } from "./dom";

export class Popover {
  readonly el: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;

  constructor(
    signal: AbortSignal,
    options: { action: string; label: string; icon: SVGSVGElement },
  ) {
    this.button = element(
      "button",
      {
        type: "button",
        class: "aw-icon-button",
        "data-action": options.action,
        "aria-label": options.label,
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        title: options.label,
      },
      options.icon,
    );
    this.panel = element("div", {
      class: "aw-popover",
      role: "dialog",
      "aria-label": options.label,
      tabindex: "-1",
    });
    this.panel.hidden = true;
    this.el = element("div", { class: "aw-popover-anchor" }, this.button, this.panel);
    this.button.addEventListener("click", () => this.toggle(), { signal });
    this.el.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Escape" || !this.open) return;
        // Escape closes the innermost thing; the root would clear the selection with it.
        event.preventDefault();
        event.stopPropagation();
        this.close();
        this.button.focus();
      },
      { signal },
    );
    document.addEventListener(
      "pointerdown",
      (event) => {
        if (this.open && !event.composedPath().includes(this.el)) this.close();
      },
      { signal, capture: true },
    );
  }

  get open(): boolean {
    return !this.panel.hidden;
  }

  toggle(): void {
    if (this.open) {
      this.close();
      return;
    }
    this.panel.hidden = false;
    attribute(this.button, "aria-expanded", "true");
    // What the widget cannot hold scrolls: a notebook cuts off what hangs out of its output.
    const { bottom } = rootOf(this.el).getBoundingClientRect();
    const room = bottom - this.panel.getBoundingClientRect().top - 8;
    this.panel.style.maxHeight = `${Math.max(160, Math.floor(room))}px`;
    this.panel.focus({ preventScroll: true });
  }

  close(): void {
    this.panel.hidden = true;
    attribute(this.button, "aria-expanded", "false");
  }
}
