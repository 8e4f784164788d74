/** Tables, and text with fixed columns. */
import type { TableSection, TextSection } from '../model.ts'
import { element, part } from './element.ts'

export function text({ title, note, text: lines }: TextSection): HTMLElement {
  return part(title, note, element('pre', { tabindex: 0, role: 'region', 'aria-label': title }, lines))
}

export function table({ title, note, ...content }: TableSection): HTMLElement {
  return part(title, note, tableElement(title, content))
}

/** A table that scrolls on its own when it is wider than the page. */
export function tableElement(
  label: string,
  { columns, numeric, rows }: Pick<TableSection, 'columns' | 'numeric' | 'rows'>,
): HTMLElement {
  const right = new Set(numeric)
  const align = (column: number) => (right.has(column) ? { class: 'number' } : {})
  const head = element('tr', {}, ...columns.map((name, i) => element('th', { scope: 'col', ...align(i) }, name)))
  const body = rows.map((row) =>
    element('tr', {}, ...row.map((cell, i) => (i === 0 ? element('th', { scope: 'row' }, cell) : element('td', align(i), cell)))),
  )
  return element(
    'div',
    { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': label },
    element('table', {}, element('thead', {}, head), element('tbody', {}, ...body)),
  )
}
