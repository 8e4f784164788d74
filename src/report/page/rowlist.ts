/**
 * The interleaving: a column for each actor, a row for each thing that happened. Only the rows in sight are elements of the page;
 * a sheet as high as all of them makes the scroll bar true.
 */
import { element } from './element.ts'
import type { SceneView } from './scene.ts'

/** As in style.css: --row-height. */
const ROW_HEIGHT = 50
/** Rows beyond the edges, so that a scroll does not show blanks. */
const MARGIN = 12
/** Rows kept in sight before and after the current one. */
const AROUND = 3

export class RowList {
  readonly root: HTMLElement
  private readonly view: SceneView
  private readonly choose: (row: number) => void
  private readonly viewport: HTMLElement
  private readonly sheet: HTMLElement
  private current = 0

  constructor(view: SceneView, choose: (row: number) => void) {
    this.view = view
    this.choose = choose
    const { actors } = view.scene
    const heading = element(
      'div',
      { class: 'row heading', role: 'row' },
      element('span', { class: 'step', role: 'columnheader' }, 'step'),
      ...actors.map((name) => element('span', { role: 'columnheader' }, name)),
    )
    this.sheet = element('div', { class: 'sheet', role: 'rowgroup' })
    this.sheet.style.height = `${view.length * ROW_HEIGHT}px`
    this.viewport = element(
      'div',
      {
        class: 'rows',
        role: 'table',
        tabindex: 0,
        'aria-label': 'Interleaving: a column for each actor; arrow keys step',
        'aria-rowcount': view.length + 1,
        'aria-colcount': actors.length + 1,
      },
      element('div', { role: 'rowgroup', class: 'headings' }, heading),
      this.sheet,
    )
    this.viewport.style.setProperty('--columns', String(actors.length))
    this.viewport.addEventListener('scroll', () => this.draw(), { passive: true })
    this.sheet.addEventListener('click', (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>('[data-row]') : null
      if (row !== null) this.choose(Number(row.dataset.row))
    })
    this.root = this.viewport
    new ResizeObserver(() => this.draw()).observe(this.viewport)
  }

  /** Marks a row as the current one and brings it into sight. */
  show(row: number): void {
    this.current = row
    const heading = this.viewport.firstElementChild?.clientHeight ?? 0
    const room = Math.max(ROW_HEIGHT, this.viewport.clientHeight - heading)
    // With what came before it and what comes next in sight as well.
    const around = Math.min(AROUND * ROW_HEIGHT, room / 3)
    const top = row * ROW_HEIGHT
    if (top - around < this.viewport.scrollTop) this.viewport.scrollTop = top - around
    else if (top + ROW_HEIGHT + around > this.viewport.scrollTop + room)
      this.viewport.scrollTop = top + ROW_HEIGHT + around - room
    this.draw()
  }

  private draw(): void {
    const first = Math.max(0, Math.floor(this.viewport.scrollTop / ROW_HEIGHT) - MARGIN)
    const last = Math.min(
      this.view.length - 1,
      Math.ceil((this.viewport.scrollTop + this.viewport.clientHeight) / ROW_HEIGHT) + MARGIN,
    )
    const rows: HTMLElement[] = []
    for (let index = first; index <= last; index++) rows.push(this.drawRow(index))
    this.sheet.replaceChildren(...rows)
  }

  private drawRow(index: number): HTMLElement {
    const { step, column, kind, text } = this.view.row(index)
    const isCurrent = index === this.current
    const cells = this.view.scene.actors.map((_, at) =>
      element('span', { role: 'cell', class: at === column ? 'text' : 'blank' }, at === column ? text : ''),
    )
    const attributes = {
      class: `row ${kind}${isCurrent ? ' current' : ''}`,
      role: 'row',
      'data-row': index,
      'aria-rowindex': index + 2,
      title: text,
      ...(isCurrent ? { 'aria-current': 'step' } : {}),
    }
    const row = element(
      'div',
      attributes,
      element('span', { class: 'step', role: 'cell' }, kind === 'switch' ? '' : String(step)),
      ...cells,
    )
    row.style.top = `${index * ROW_HEIGHT}px`
    return row
  }
}
