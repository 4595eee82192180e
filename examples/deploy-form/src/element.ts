// The page's elements by id, of the kind that they are expected to be.

/** @throws Error when the page has no such element, which is a mistake in the page. */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${kind.name} #${id}`);
}

export function create<K extends keyof HTMLElementTagNameMap>(
  name: K,
  properties: Partial<HTMLElementTagNameMap[K]>,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** Shows a text, or hides the element when there is none. */
export function say(element: HTMLElement, text: string | null): void {
  element.textContent = text;
  element.hidden = text === null;
}
