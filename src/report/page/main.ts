/** Draws the model that is embedded in the page. */
import type { PageModel, Section } from '../model.ts'
import { element, part } from './element.ts'
import { order } from './order.ts'
import { plot } from './plot.ts'
import { stage } from './stage.ts'
import { table, text } from './tables.ts'

function section(content: Section): HTMLElement {
  switch (content.kind) {
    case 'stage':
      return stage(content)
    case 'text':
      return text(content)
    case 'table':
      return table(content)
    case 'plot':
      return plot(content)
    case 'order':
      return order(content)
  }
}

const TONES = { clean: 'clean', finding: 'found', open: 'open', figures: 'measured' } as const

function draw(model: PageModel): readonly Node[] {
  const facts = model.facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)))
  const header = element(
    'header',
    { class: model.tone },
    element('h1', {}, model.title),
    element('p', { class: 'verdict' }, element('strong', { class: 'tone' }, TONES[model.tone]), ` ${model.verdict}`),
    element('dl', {}, ...facts),
  )
  return [header, ...model.sections.map(section)]
}

const page = document.getElementById('page')
const model = document.getElementById('model')?.textContent
if (page !== null && model != null) {
  try {
    // Written by the command that wrote this very code.
    page.replaceChildren(...draw(JSON.parse(model) as PageModel))
  } catch (error) {
    page.replaceChildren(part('This page could not be drawn', String(error)))
  }
}
