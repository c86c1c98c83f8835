/** Elements without markup strings: text given here can only ever become text. */
import type { Box } from "../layout/zones";

type Child = Node | string;

/** What is drawn for the eye alone: its words are somewhere else. */
export const UNREAD = { "aria-hidden": "true" };

/** A class alone may stand for the attributes. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> | string = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  const given = typeof attributes === "string" ? { class: attributes } : attributes;
  for (const [name, value] of Object.entries(given)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function div(attributes: Record<string, string> | string, ...children: Child[]) {
  return element("div", attributes, ...children);
}

export function span(attributes: Record<string, string> | string, ...children: Child[]) {
  return element("span", attributes, ...children);
}

/** A button that submits nothing. */
export function button(name: string, attributes: Record<string, string>, ...children: Child[]) {
  return element("button", { type: "button", class: name, ...attributes }, ...children);
}

type Events = HTMLElementEventMap & Pick<DocumentEventMap, "fullscreenchange">;
type Listeners = { [K in keyof Events]?: (event: Events[K]) => void };

/** Listeners that end with the view's signal. */
export function listen(
  target: EventTarget,
  signal: AbortSignal,
  listeners: Listeners,
  capture = false,
): void {
  for (const [type, listener] of Object.entries(listeners)) {
    target.addEventListener(type, listener as EventListener, { signal, capture });
  }
}

/** Whether a key or a click comes with the key that picks several, or is a command of the page. */
export function withCtrl({ ctrlKey, metaKey }: MouseEvent | KeyboardEvent): boolean {
  return ctrlKey || metaKey;
}

/** Whether a key presses what has the focus. */
export function presses({ key }: KeyboardEvent): boolean {
  return key === "Enter" || key === " ";
}

/** Where an element lies in another one that is around it. */
export function boxIn(around: Element, el: Element): Box {
  const [outer, inner] = [around, el].map((one) => one.getBoundingClientRect()) as [
    DOMRect,
    DOMRect,
  ];
  return { x: inner.x - outer.x, y: inner.y - outer.y, w: inner.width, h: inner.height };
}

/** Where in an element the pointer is. */
export function pointIn(el: Element, { clientX, clientY }: MouseEvent): { x: number; y: number } {
  const { x, y } = el.getBoundingClientRect();
  return { x: clientX - x, y: clientY - y };
}

/** A key or a press that has been dealt with: neither the page nor the widget's root acts on it. */
export function consume(event: Event): void {
  event.preventDefault();
  event.stopPropagation();
}

/** Whether a list of what a view was drawn from is still the same. */
export function alike(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, i) => value === other[i]);
}

/** Write an attribute only when it changes; null takes it away. */
export function attribute(
  target: Element,
  name: string,
  value: string | number | boolean | null,
): void {
  if (value === null) target.removeAttribute(name);
  else if (target.getAttribute(name) !== String(value)) target.setAttribute(name, String(value));
}

/** Write text only when it changes, so that an unchanged frame costs no layout. */
export function text(target: Node, value: string): void {
  if (target.textContent !== value) target.textContent = value;
}

/** The widget's root as seen from one of its parts; the part itself when it stands alone. */
export function rootOf(part: HTMLElement): HTMLElement {
  return part.closest<HTMLElement>(".attn-widget") ?? part;
}

/** The element that a pointer event is about, seen through shadow roots. */
export function targetWithin<T extends HTMLElement>(event: Event, selector: string): T | null {
  const target = event.composedPath()[0];
  return target instanceof Element ? target.closest<T>(selector) : null;
}
