/** Elements without markup strings: text given here can only ever become text. */

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Write an attribute only when it changes; null takes it away. */
export function attribute(target: Element, name: string, value: string | null): void {
  if (value === null) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
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
