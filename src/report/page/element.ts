/** Elements of the page. Text is always put in as text: what comes from a file cannot become an element. */

type Child = Node | string

export interface Attributes {
  readonly [name: string]: string | number | boolean
}

/** An element. An attribute that is false is left out, one that is true has no value. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? '' : String(value))
  }
  made.append(...children)
  return made
}

/** A button that does one thing. */
export function button(label: string, text: string, act: () => void): HTMLButtonElement {
  const made = element('button', { type: 'button', 'aria-label': label, title: label }, text)
  made.addEventListener('click', act)
  return made
}

/** A part of the page with a heading. */
export function part(title: string, note: string, ...children: readonly Child[]): HTMLElement {
  return element(
    'section',
    { 'aria-label': title },
    element('h2', {}, title),
    ...(note === '' ? [] : [element('p', { class: 'note' }, note)]),
    ...children,
  )
}

let ids = 0

/** An id that no other element of the page has. */
export function newId(): string {
  ids++
  return `part-${ids}`
}
