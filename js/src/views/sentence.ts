/** The finding in words, the largest type of the widget, with what it belongs to at its right. */
import { onEnd } from "../ending";
import type { Context, Frame, View } from "../frame";
import { type Finding, textOf } from "../phrases";
import { describe } from "../sentence";
import { alike, attribute, button, div, element, listen, span, text, UNREAD } from "./dom";

/** A dragged slider changes the sentence at every frame; nobody could listen to that. */
const SPOKEN_EVERY = 500;

export class SentenceView implements View {
  readonly el: HTMLElement;
  readonly #sentence = element("p", { class: "aw-sentence", ...UNREAD });
  readonly #spoken = element("p", { class: "aw-spoken", role: "status", "aria-live": "polite" });
  readonly #usual = span("aw-usual");
  readonly #notices = span("aw-notices");
  readonly #facts = element("p", "aw-facts", this.#usual, this.#notices);
  readonly #work = span("aw-work");
  readonly #workText = span({});
  readonly #signal: AbortSignal;
  #seen: readonly unknown[] = [];
  #shown = "";
  #lastSpoken = Number.NEGATIVE_INFINITY;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(context: Context) {
    this.#signal = context.signal;
    const stop = button("aw-link", { "data-action": "stop" }, "Stop");
    listen(stop, context.signal, { click: () => context.actions.stop() });
    this.#work.append(this.#workText, " · ", stop);
    this.#work.hidden = true;
    this.el = div("aw-sentence-row", this.#sentence, this.#spoken, this.#facts, this.#work);
    onEnd(context.signal, () => clearTimeout(this.#timer));
  }

  update(frame: Frame): void {
    const { progress } = frame;
    this.#work.hidden = progress === null;
    this.#facts.hidden = progress !== null;
    if (progress !== null) text(this.#workText, progress.text);
    const seen = [
      ...[frame.tokens, frame.trace, frame.matrix, frame.method, ...frame.levels, frame.nLayers],
      ...[frame.heads, frame.topHead, frame.residual, frame.residualPerLayer === null],
      ...[frame.selected, frame.comparison, frame.size, frame.dropped, frame.hidden, frame.note],
    ];
    if (alike(seen, this.#seen)) return;
    this.#seen = seen;
    const finding = describe(frame);
    const { facts, notices } = finding;
    text(this.#usual, `${facts.join(" · ")}${notices.length > 0 ? " · " : ""}`);
    text(this.#notices, notices.join(" · "));
    this.#show(finding);
    // Three lines are not always enough in a narrow cell.
    const cutOff =
      frame.size === "narrow" && this.#sentence.scrollHeight > this.#sentence.clientHeight;
    attribute(this.#sentence, "title", cutOff ? textOf(finding.spans) : null);
  }

  #show({ spans }: Finding): void {
    const key = spans.map(({ tone, text: words }) => `${tone}:${words}`).join("\n");
    if (key === this.#shown) return;
    this.#shown = key;
    const parts = spans.filter(({ text: words }) => words !== "");
    const { children } = this.#sentence;
    // A right-to-left token turns neither its quotes nor the sentence around it.
    while (children.length < parts.length) {
      this.#sentence.append(element("bdi", { dir: "ltr" }));
    }
    while (children.length > parts.length) children[parts.length]!.remove();
    // Under a drag most words stay, and only figures are written anew.
    for (const [i, { tone, text: words }] of parts.entries()) {
      attribute(children[i]!, "class", `aw-${tone}`);
      text(children[i]!, words);
    }
    this.#speakLater(textOf(spans));
  }

  #speakLater(words: string): void {
    clearTimeout(this.#timer);
    if (this.#signal.aborted) return;
    const wait = Math.max(0, this.#lastSpoken + SPOKEN_EVERY - performance.now());
    this.#timer = setTimeout(() => {
      this.#lastSpoken = performance.now();
      text(this.#spoken, words);
    }, wait);
  }
}
