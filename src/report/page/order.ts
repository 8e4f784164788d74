/** The lock order: locks from the outermost to the innermost, and an arc from each that was held to each that was taken meanwhile. */
import type { OrderSection } from '../model.ts'
import { element, part } from './element.ts'
import { tableElement } from './tables.ts'

const LINE = 28
const LEFT = 230
const SVG = 'http://www.w3.org/2000/svg'

export function order({ title, note, locks, edges }: OrderSection): HTMLElement {
  const height = locks.length * LINE + LINE
  const reach = Math.max(0, ...edges.map(([held, taken]) => Math.abs(taken - held)))
  const width = LEFT + 40 + reach * 22
  const svg = drawn('svg', {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
    'aria-label': `${title}: ${edges.length} orders were seen; the table below lists them`,
  })
  const yOf = (lock: number) => (lock + 1) * LINE
  for (const [i, name] of locks.entries()) {
    const label = drawn('text', { x: LEFT - 14, y: yOf(i) + 4, 'text-anchor': 'end' })
    label.textContent = name
    svg.append(label, drawn('circle', { cx: LEFT, cy: yOf(i), r: 4 }))
  }
  for (const [held, taken] of edges) {
    const [from, to] = [yOf(held), yOf(taken)]
    const bow = LEFT + 12 + Math.abs(taken - held) * 22
    svg.append(
      drawn('path', {
        d: `M ${LEFT + 5} ${from} C ${bow} ${from}, ${bow} ${to}, ${LEFT + 7} ${to}`,
        class: taken < held ? 'arc inverted' : 'arc',
      }),
    )
    const tip = taken < held ? -1 : 1
    svg.append(drawn('path', { d: `M ${LEFT + 6} ${to} l 8 ${-4 - tip} l 0 8 z`, class: 'tip' }))
  }
  const rows = locks.flatMap((name, i) => {
    const taken = edges.filter(([held]) => held === i).map(([, lock]) => locks[lock] ?? '')
    return taken.length === 0 ? [] : [[name, taken.join(', ')]]
  })
  const details = element(
    'details',
    {},
    element('summary', {}, 'As a table'),
    tableElement(title, { columns: ['while this was held', 'these were taken'], numeric: [], rows }),
  )
  return part(
    title,
    note,
    element('div', { class: 'scroll order', tabindex: 0, role: 'region', 'aria-label': title }, svg),
    details,
  )
}

function drawn(tag: string, attributes: Readonly<Record<string, string | number>>): SVGElement {
  const made = document.createElementNS(SVG, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  return made
}
