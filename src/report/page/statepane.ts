/**
 * The machine after the row that is shown: locks and who holds them, words of the protocol, and the page tables side by side. What
 * the row changed is marked, with what was there before.
 */
import type { SlotValue } from '../../explore/sceneshape.ts'
import type { PackedScene } from '../model.ts'
import { element } from './element.ts'

type Slot = PackedScene['slots'][number]

export class StatePane {
  readonly root: HTMLElement
  private readonly scene: PackedScene
  private readonly cells: HTMLElement[]

  constructor(scene: PackedScene) {
    this.scene = scene
    this.cells = scene.slots.map(() => element('td'))
    const shown = usedSlots(scene)
    const inGroup = (group: Slot['group']) =>
      scene.slots.flatMap((slot, index) => (slot.group === group && shown.has(index) ? [index] : []))
    this.root = element(
      'div',
      { class: 'state' },
      this.grid(inGroup('pages')),
      this.list('Locks held', ['actor', 'holds'], inGroup('locks')),
      this.list('Words of the protocol', ['word', 'holds'], inGroup('words')),
    )
  }

  /** Shows a state, and what differs from the one before. */
  show(state: Int32Array, before: Int32Array): void {
    for (const [index, cell] of this.cells.entries()) {
      const now = this.valueOf(state[index])
      const then = this.valueOf(before[index])
      const changed = now.text !== then.text
      const children: (Node | string)[] = []
      if (changed) children.push(element('del', {}, then.text), element('span', { class: 'to', 'aria-hidden': true }, ' → '))
      children.push(changed ? element('ins', {}, now.text) : now.text)
      if (now.stale !== undefined) children.push(element('strong', { class: 'why' }, `stale: ${now.stale}`))
      cell.replaceChildren(...children)
      cell.className =
        `${changed ? 'changed' : ''} ${now.stale === undefined ? '' : 'stale'} ${now.text === 'none' ? 'none' : ''}`.trim()
    }
  }

  private valueOf(value: number | undefined): SlotValue {
    return this.scene.values[value ?? 0] ?? { text: '' }
  }

  private list(title: string, columns: readonly [string, string], slots: readonly number[]): HTMLElement {
    const rows = slots.map((index) =>
      element('tr', {}, element('th', { scope: 'row' }, this.scene.slots[index]?.label ?? ''), this.cells[index] ?? ''),
    )
    const [first, second] = columns
    const head = element(
      'thead',
      {},
      element('tr', {}, element('th', { scope: 'col' }, first), element('th', { scope: 'col' }, second)),
    )
    return pane(title, rows.length === 0 ? null : element('table', {}, head, element('tbody', {}, ...rows)))
  }

  private grid(slots: readonly number[]): HTMLElement {
    const pages = new Map<string, Map<string, number>>()
    const tables = new Set<string>()
    for (const index of slots) {
      const slot = this.scene.slots[index]
      if (slot?.group !== 'pages') continue
      const row = pages.get(slot.page) ?? new Map<string, number>()
      pages.set(slot.page, row)
      row.set(slot.table, index)
      tables.add(slot.table)
    }
    const columns = [...tables].sort()
    const head = element(
      'thead',
      {},
      element('tr', {}, ...['page', ...columns].map((name) => element('th', { scope: 'col' }, name))),
    )
    const rows = [...pages].map(([page, row]) => {
      const cells = columns.map((table) => {
        const index = row.get(table)
        return index === undefined ? element('td', { class: 'none' }, 'no table') : (this.cells[index] ?? '')
      })
      return element('tr', {}, element('th', { scope: 'row' }, page), ...cells)
    })
    const table = element('table', { class: 'grid' }, head, element('tbody', {}, ...rows))
    return pane('Page tables, side by side', rows.length === 0 ? null : table)
  }
}

function pane(title: string, table: HTMLElement | null): HTMLElement {
  const scroll = { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': title }
  return element(
    'div',
    { class: 'pane' },
    element('h3', {}, title),
    table === null ? element('p', { class: 'note' }, 'none in this run') : element('div', scroll, table),
  )
}

/** Slots that are ever anything; the entries of a page all or none. */
function usedSlots({ slots, values, initial, rows }: PackedScene): Set<number> {
  const used = new Set<number>()
  for (const [index, value] of initial.entries()) if ((values[value]?.text ?? 'none') !== 'none') used.add(index)
  for (const row of rows) for (let i = 4; i < row.length; i += 2) used.add(row[i] ?? 0)
  const pages = new Set([...used].flatMap((index) => (slots[index]?.group === 'pages' ? [slots[index].page] : [])))
  for (const [index, slot] of slots.entries()) {
    if (slot.group === 'locks' || (slot.group === 'pages' && pages.has(slot.page))) used.add(index)
  }
  return used
}
