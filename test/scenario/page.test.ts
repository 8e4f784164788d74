/** Is docs/scenarios.md true? Its scenarios, and those of every other page, are run and hold; and it names all that the parsers know. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore } from '../../src/explore.ts'
import { run } from '../../src/run.ts'
import { parseConcurrent } from '../../src/scenario/concurrent.ts'
import {
  CPU_THREAD_OPERATIONS,
  DEVICE_THREAD_OPERATIONS,
  isConcurrent,
  parseSequential,
  RECLAIM_THREAD_OPERATIONS,
} from '../../src/scenario/parse.ts'

const DOCS = fileURLToPath(new URL('../../../docs/', import.meta.url))
const read = (page: string) => readFileSync(join(DOCS, page), 'utf8')
const BLOCKS = readdirSync(DOCS)
  .filter((name) => name.endsWith('.md'))
  .flatMap((page) =>
    [...read(page).matchAll(/^```scn\n([\s\S]*?)^```$/gm)].map(([, text = '']) => ({
      page,
      text,
      name: text.split('\n')[0] ?? '',
    })),
  )
/** What is found is found within a few schedules, and these are examples: here it counts that they hold. */
const SCHEDULES = 60

t.test('there are examples of both kinds', (t) => {
  t.ok(BLOCKS.some(({ text }) => isConcurrent(text)) && BLOCKS.some(({ text }) => !isConcurrent(text)))
  t.end()
})

for (const { page, text, name } of BLOCKS) {
  t.test(`${page}: ${name}`, async (t) => {
    if (isConcurrent(text)) {
      const result = await explore({ scenario: parseConcurrent(page, text), schedules: SCHEDULES })
      t.same([result.violation?.message, result.schedules], [undefined, SCHEDULES])
      return
    }
    const file = join(t.testdir(), 'example.scn')
    writeFileSync(file, text)
    const { passed, files } = await run([file], { jobs: 1 })
    t.equal(passed, 1, JSON.stringify(files))
    t.ok(
      parseSequential(page, text).lines.every(({ expected }) => expected !== undefined),
      'every answer is on the page',
    )
  })
}

/** What a parser says there is, when it is asked for something that there is not. */
function known(parse: () => unknown): string[] {
  try {
    parse()
  } catch (error) {
    const list = /(?:known are|there are) (.*)$/.exec((error as Error).message)?.[1] ?? ''
    return list.split(/, | and /)
  }
  return []
}

t.test('the page names every operation and every block', (t) => {
  const operations = known(() => parseSequential('x.scn', 'nothing'))
  const blocks = known(() => parseConcurrent('x.scn', 'nothing'))
  t.ok(operations.length > 20 && blocks.length > 8, 'the parsers say what they know')
  const threads = [CPU_THREAD_OPERATIONS, RECLAIM_THREAD_OPERATIONS, DEVICE_THREAD_OPERATIONS].flatMap(Object.keys)
  const text = read('scenarios.md')
  const missing = [...operations, ...blocks, ...threads].filter((name) => !new RegExp(`[\`\\s]${name}[\`\\s]`).test(text))
  t.same([...new Set(missing)], [])
  t.end()
})
