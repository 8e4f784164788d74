/** The stage: an interleaving to step through, forwards and backwards, with the machine as it was after each row. */
import type { StageSection } from '../model.ts'
import { button, element, newId, part } from './element.ts'
import { RowList } from './rowlist.ts'
import { SceneView } from './scene.ts'
import { StatePane } from './statepane.ts'

/** Rows that Page Up and Page Down go. */
const PAGE_ROWS = 10

export function stage({ title, note, scene }: StageSection): HTMLElement {
  if (scene.rows.length === 0) return part(title, 'Nothing that is shown happened in this run.')
  return new Stage(title, note, new SceneView(scene)).root
}

class Stage {
  readonly root: HTMLElement
  private readonly view: SceneView
  private readonly list: RowList
  private readonly pane: StatePane
  private readonly slider: HTMLInputElement
  private readonly step: HTMLInputElement
  private readonly place: HTMLElement
  private readonly now: HTMLElement
  private current = 0

  constructor(title: string, note: string, view: SceneView) {
    this.view = view
    this.list = new RowList(view, (row) => this.go(row))
    this.pane = new StatePane(view.scene)
    const last = view.length - 1
    this.slider = element('input', { type: 'range', min: 0, max: last, value: 0, 'aria-label': 'Row of the interleaving' })
    this.slider.addEventListener('input', () => this.go(Number(this.slider.value)))
    const stepId = newId()
    const lastStep = view.row(last).step
    this.step = element('input', { type: 'number', id: stepId, min: 1, max: lastStep, value: 1 })
    this.step.addEventListener('change', () => this.go(view.rowOfStep(Number(this.step.value))))
    this.place = element('output', { class: 'place' })
    this.now = element('p', { class: 'now', 'aria-live': 'polite' })
    const controls = element(
      'div',
      { class: 'controls', role: 'group', 'aria-label': 'Step through the interleaving' },
      button('First row (Home)', '|◀ first', () => this.go(0)),
      button('One row back (left arrow)', '◀ back', () => this.go(this.current - 1)),
      button('One row on (right arrow)', 'on ▶', () => this.go(this.current + 1)),
      button('Last row (End)', 'last ▶|', () => this.go(last)),
      this.slider,
      element('label', { for: stepId }, 'step'),
      this.step,
      this.place,
    )
    const { goesOnTo } = view.scene
    const more = goesOnTo === undefined ? [] : [element('p', { class: 'note' }, `and so on, up to step ${grouped(goesOnTo)}`)]
    const body = element('div', { class: 'body' }, element('div', { class: 'left' }, this.list.root, ...more), this.pane.root)
    this.root = part(title, note, controls, this.now, body)
    this.root.classList.add('stage')
    document.addEventListener('keydown', (event) => this.key(event))
    this.go(0)
    requestAnimationFrame(() => this.list.show(this.current)) // now it has a height
  }

  private go(row: number): void {
    const last = this.view.length - 1
    this.current = Number.isFinite(row) ? Math.max(0, Math.min(last, Math.round(row))) : 0
    const { step, column, text } = this.view.row(this.current)
    this.slider.value = String(this.current)
    this.slider.setAttribute('aria-valuetext', `row ${this.current + 1} of ${last + 1}, step ${step}`)
    this.step.value = String(step)
    this.place.textContent = `row ${grouped(this.current + 1)} of ${grouped(last + 1)}`
    this.now.replaceChildren(
      element('span', { class: 'who' }, `step ${step}, ${this.view.scene.actors[column] ?? ''}: `),
      element('span', { class: 'what' }, text),
    )
    this.list.show(this.current)
    this.pane.show(this.view.stateAfter(this.current), this.view.stateBefore(this.current))
  }

  /** Keys step unless they belong to a field or a button with the focus, or to another stage of the page. */
  private key(event: KeyboardEvent): void {
    const { target } = event
    if (event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLInputElement) return
    const stages = [...document.querySelectorAll('.stage')]
    const owner = target instanceof Element ? target.closest('.stage') : null
    if ((owner ?? stages[0]) !== this.root) return
    const vertical = target instanceof Element && target.closest('.rows') !== null
    const to: Readonly<Record<string, number>> = {
      ArrowRight: this.current + 1,
      ArrowLeft: this.current - 1,
      Home: 0,
      End: this.view.length - 1,
      ...(vertical
        ? {
            ArrowDown: this.current + 1,
            ArrowUp: this.current - 1,
            PageDown: this.current + PAGE_ROWS,
            PageUp: this.current - PAGE_ROWS,
          }
        : {}),
    }
    const row = to[event.key]
    if (row === undefined) return
    event.preventDefault()
    this.go(row)
  }
}

function grouped(n: number): string {
  return n.toLocaleString('en-US')
}
