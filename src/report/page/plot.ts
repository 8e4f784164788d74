/** Plots, by uPlot, in the colours of the page; and the same figures as a table, for who cannot see or trust a curve. */
import uPlot from 'uplot'
import type { Axis, PlotSection } from '../model.ts'
import { element, part } from './element.ts'
import { tableElement } from './tables.ts'

/*! uPlot is part of this page, under this licence:

The MIT License (MIT)

Copyright (c) 2022 Leon Sorokin

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in
all copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN
THE SOFTWARE.
*/

const HEIGHT = 300
/** Patterns of lines, so that series differ in more than colour. */
const DASHES: readonly number[][] = [[], [8, 4], [2, 3], [10, 3, 2, 3], [5, 5], [1, 4]]
/** Colours of style.css: --series-0 and so on. */
const COLOURS = 6

export function plot(section: PlotSection): HTMLElement {
  const { title, note, series } = section
  const place = element('div', { class: 'plot', role: 'img', 'aria-label': `${title}; the table below has the figures` })
  const xs = [...new Set(series.flatMap(({ points }) => points.map(([x]) => x)))].sort((a, b) => a - b)
  const values = series.map(({ points }) => {
    const at = new Map(points)
    return xs.map((x) => at.get(x) ?? null)
  })
  let drawn: uPlot | null = null
  const draw = () => {
    drawn?.destroy()
    drawn = new uPlot(options(section, place), [xs, ...values], place)
  }
  new ResizeObserver(() => {
    if (drawn === null) draw()
    else if (place.clientWidth > 0) drawn.setSize({ width: place.clientWidth, height: HEIGHT })
  }).observe(place)
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw)
  const rows = xs.map((x, i) => [
    inWords(section.x, x),
    ...values.map((line) => (line[i] == null ? '' : inWords(section.y, line[i]))),
  ])
  const figures = { columns: [section.x.label, ...series.map(({ label }) => label)], numeric: series.map((_, i) => i + 1), rows }
  return part(title, note, place, element('details', {}, element('summary', {}, 'The figures'), tableElement(title, figures)))
}

function options({ x, y, series }: PlotSection, place: HTMLElement): uPlot.Options {
  const style = getComputedStyle(document.documentElement)
  const colour = (name: string) => style.getPropertyValue(name).trim()
  const axis = (of: Axis): uPlot.Axis => ({
    label: of.label,
    stroke: colour('--text'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { stroke: colour('--line'), width: 1 },
    font: '12px system-ui, sans-serif',
    labelFont: '12px system-ui, sans-serif',
    values: (_, ticks) => ticks.map((tick) => (tick === null ? null : inWords(of, tick))),
  })
  const scale = (of: Axis): uPlot.Scale => (of.scale === 'log' ? { time: false, distr: 3 } : { time: false })
  return {
    width: place.clientWidth,
    height: HEIGHT,
    scales: { x: scale(x), y: y.scale === 'linear' ? { time: false, range: (_, __, max) => [0, max * 1.05 || 1] } : scale(y) },
    axes: [
      { ...axis(x), ...(x.scale === 'names' ? { splits: (x.names ?? []).map((_, i) => i) } : {}) },
      { ...axis(y), size: 76 },
    ],
    series: [
      { label: x.label, value: (_, value) => (value === null ? '' : inWords(x, value)) },
      ...series.map(({ label }, i) => ({
        label,
        stroke: colour(`--series-${i % COLOURS}`),
        width: 2,
        dash: DASHES[Math.floor(i / COLOURS + i) % DASHES.length] ?? [],
        points: { show: true, size: 6 },
        spanGaps: true,
        value: (_: uPlot, value: number | null) => (value === null ? '' : inWords(y, value)),
      })),
    ],
  }
}

/** A value of an axis as people read it. */
function inWords(axis: Axis, value: number): string {
  if (axis.scale === 'names') return axis.names?.[value] ?? ''
  if (axis.unit === 's') return `${Math.round(value * 10) / 10} s`
  if (axis.unit === 'count')
    return value >= 10 ? Math.round(value).toLocaleString('en-US') : String(Math.round(value * 100) / 100)
  if (value < 1e3) return `${Math.round(value * 10) / 10} ns`
  if (value < 1e6) return `${Math.round(value / 10) / 100} us`
  return value < 1e9 ? `${Math.round(value / 1e4) / 100} ms` : `${Math.round(value / 1e7) / 100} s`
}
