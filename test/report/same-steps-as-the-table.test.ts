/** Does the page show what the table on the terminal shows, row by row; and is what it says of locks and page tables true? */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { sceneOf } from '../../src/explore/scene.ts'
import type { Scene } from '../../src/explore/sceneshape.ts'
import { type ExploreOptions, explore } from '../../src/index.ts'
import { retell } from '../../src/replay.ts'

const PROTOCOL = fileURLToPath(
  new URL(`../explore/protocols/stuck${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url),
)

/** Drivers' races, a fork, and a livelock of a foreign protocol, whose table ends before the run does. */
const FINDS: Readonly<Record<string, ExploreOptions>> = {
  'recheck-outside-lock': { bug: 'recheck-outside-lock' },
  'fork-keeps-device-writable': { bug: 'fork-keeps-device-writable' },
  'a livelock': { actors: { module: PROTOCOL, threads: ['awaitsFlag', 'wavesFlag'], words: 32 } },
}

async function found(options: ExploreOptions) {
  const { violation } = await explore({ ...options, seed: 1, schedules: 2000 })
  if (violation === undefined) throw new Error(`${JSON.stringify(options)} shows nothing`)
  const { told } = await retell(violation.token)
  return { scene: sceneOf(told), table: violation.table, told }
}

/** Cells of a printed table: step (blank where it goes on), column and text, with the lines of one cell joined. */
function cellsOf(table: string, columns: number): { step: string; column: number; text: string }[] {
  const lines = table.split('\n\n')[0]?.split('\n') ?? []
  const rule = lines[1] ?? ''
  const starts = [...rule.matchAll(/-+/g)].map(({ index }) => index)
  if (starts.length !== columns) throw new Error(`the table has ${starts.length} columns, not ${columns}`)
  const cells: { step: string; column: number; text: string }[] = []
  for (const line of lines.slice(2)) {
    const step = line.slice(0, 5).trim()
    const at = starts.findLast(
      (start) => line.slice(start).trim() !== '' && line.slice(0, start).slice(5).trim() === '',
    ) as number
    const text = line.slice(at)
    const last = cells.at(-1)
    if (step === '' && text.startsWith('      ') && last !== undefined) last.text += ` ${text.trim()}`
    else cells.push({ step, column: starts.indexOf(at), text: text.trim() })
  }
  return cells
}

function rowsOf({ rows }: Scene) {
  return rows.map(({ step, column, kind, text }) => ({ step: kind === 'switch' ? '' : String(step), column, text }))
}

/** Value of a slot after each row. */
function valuesOf({ rows, values, initial }: Scene, slot: number): string[] {
  let value = initial[slot] as number
  return rows.map(({ changes }) => {
    for (const [index, next] of changes) if (index === slot) value = next
    return values[value]?.text as string
  })
}

for (const [name, options] of Object.entries(FINDS)) {
  t.test(name, async (t) => {
    const { scene, table, told } = await found(options)
    const shown = rowsOf(scene)
    const printed = cellsOf(table, scene.actors.length)
    t.ok(shown.length > 10)
    t.equal(printed.at(-1)?.text.startsWith('and so on'), scene.goesOnTo !== undefined)
    if (scene.goesOnTo !== undefined) printed.pop()
    t.same(shown, printed, 'each row of the page is a row of the table')

    // What a row says of a word is what its slot holds then.
    let compared = 0
    const wrong: string[] = []
    for (const [index, slot] of scene.slots.entries()) {
      if (slot.group !== 'words') continue
      const values = valuesOf(scene, index)
      for (const [i, { text, kind }] of scene.rows.entries()) {
        if ((kind !== 'change' && kind !== 'read') || !text.replace('reads ', '').startsWith(`${slot.label}: `)) continue
        const said = text.slice(text.lastIndexOf(kind === 'change' ? '-> ' : ': ')).replace(/^(-> |: )/, '')
        if ((values[i] as string).replace(/ \(.*/, '') !== said) wrong.push(`row ${i}: ${text}, but ${values[i]}`)
        compared++
      }
    }
    t.ok(compared > 3, 'words were compared')
    t.same(wrong, [])

    // A word of a lock and the list of who holds locks change with the same row.
    const locks = scene.slots.findIndex(({ label }) => /^update lock/.test(label))
    if (locks >= 0) {
      const owners = valuesOf(scene, locks)
      const untrue: string[] = []
      const held = scene.slots.flatMap((slot, index) => (slot.group === 'locks' ? [valuesOf(scene, index)] : []))
      for (const [i, owner] of owners.entries()) {
        const holders = held.flatMap((values, column) =>
          values[i]?.includes('driver lock') ? [scene.actors[column] as string] : [],
        )
        const holder = told.actorNames.find((name) => owner === `held by ${name}` || owner.endsWith(`(${name})`))
        const agrees = holder === undefined ? holders.length === 0 || owner !== 'free' : holders.includes(holder)
        if (!agrees) untrue.push(`row ${i}: ${owner}, but ${holders.join(', ')}`)
      }
      t.same(untrue, [])
    }
    t.end()
  })
}

t.test('a stale entry is marked from where it is made to the end, and nothing is before', async (t) => {
  const { scene } = await found(FINDS['recheck-outside-lock'] as ExploreOptions)
  const slot = scene.slots.findIndex((one) => one.group === 'pages' && one.table === 'device 0')
  let value = scene.initial[slot] as number
  const stale = scene.rows.map(({ changes }) => {
    for (const [index, next] of changes) if (index === slot) value = next
    return scene.values[value]?.stale !== undefined
  })
  const made = scene.rows.findIndex(
    ({ kind, text }) => kind === 'change' && /^device 0's entry of A\+0: none -> frame/.test(text),
  )
  t.ok(made > 0)
  t.same(
    stale,
    stale.map((_, i) => i >= made),
  )
  t.end()
})
