/** A panel under its button. Closes on Escape, on a press outside and on its button. */
import { attribute, button, consume, div, listen, rootOf } from "./dom";

export class Popover {
  readonly el: HTMLElement;
  readonly button: HTMLButtonElement;
  readonly panel: HTMLElement;

  constructor(
    signal: AbortSignal,
    { action, label, icon }: { action: string; label: string; icon: SVGSVGElement },
  ) {
    this.button = button(
      "aw-icon-button",
      {
        "data-action": action,
        "aria-label": label,
        "aria-haspopup": "dialog",
        "aria-expanded": "false",
        title: label,
      },
      icon,
    );
    this.panel = div({ class: "aw-popover", role: "dialog", "aria-label": label, tabindex: "-1" });
    this.panel.hidden = true;
    this.el = div("aw-popover-anchor", this.button, this.panel);
    listen(this.button, signal, { click: () => this.toggle() });
    listen(this.el, signal, {
      keydown: (event) => {
        if (event.key !== "Escape" || !this.open) return;
        // Escape closes the innermost thing; the root would clear the selection with it.
        consume(event);
        this.close();
        this.button.focus();
      },
    });
    const pointerdown = (event: Event): void => {
      if (this.open && !event.composedPath().includes(this.el)) this.close();
    };
    listen(document, signal, { pointerdown }, true);
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
