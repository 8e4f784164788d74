/**
 * Does partial-order reduction leave out only what differs in nothing? Random programs of a few accesses to two words: what threads
 * can read, and what can be left at the end, is the same whether every schedule is run or only one for each behaviour; and it
 * is what a model says that runs every interleaving on one thread.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { explore } from '../../src/index.ts'

type Step = readonly [op: 'load' | 'store' | 'add', word: number, value: number]
type Programs = readonly (readonly Step[])[]

/** A small generator with a seed of its own; the runtime's is what is under test here. */
function draws(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >>> 8) % bound
  }
}

function randomPrograms(seed: number, threads: number, steps: number): Programs {
  const draw = draws(seed)
  const one = (): Step => [(['load', 'store', 'add'] as const)[draw(3)] as Step[0], draw(2), 1 + draw(5)]
  return Array.from({ length: threads }, () => Array.from({ length: steps }, one))
}

/** What every interleaving leaves: the two words, and what each thread read in order. */
function model(programs: Programs): Set<string> {
  const outcomes = new Set<string>()
  const run = (at: readonly number[], words: readonly number[], seen: readonly string[]) => {
    let over = true
    for (const [thread, program] of programs.entries()) {
      const step = program[at[thread] as number]
      if (step === undefined) continue
      over = false
      const [op, word, value] = step
      const before = words[word] as number
      const after = op === 'load' ? before : op === 'store' ? value : before + value
      run(
        at.map((place, i) => (i === thread ? place + 1 : place)),
        words.map((one, i) => (i === word ? after : one)),
        seen.map((text, i) => (i === thread && op !== 'store' ? `${text}${before},` : text)),
      )
    }
    if (over) outcomes.add(`${words.join(' ')} | ${seen.join(' | ')}`)
  }
  run(
    programs.map(() => 0),
    [0, 0],
    programs.map(() => ''),
  )
  return outcomes
}

/** The same programs as a module under exploration. Its check writes each outcome into a file. */
function moduleOf(programs: Programs, out: string): string {
  return `import { appendFileSync } from 'node:fs'
import { atomicAdd, atomicLoad, atomicStore, put, get } from 'hmm-runtime/sync'
const programs = ${JSON.stringify(programs)}
function run(task, at, thread) {
  let place = at + 16 + thread * 16
  for (const [op, word, value] of programs[thread]) {
    if (op === 'store') atomicStore(task, at + word, value)
    else put(task, place++, op === 'load' ? atomicLoad(task, at + word) : atomicAdd(task, at + word, value))
  }
}
${programs.map((_, i) => `export const thread${i} = (task, at) => run(task, at, ${i})`).join('\n')}
export function check(task, at) {
  const seen = programs.map((program, thread) => program.filter(([op]) => op !== 'store').map((_, i) => get(task, at + 16 + thread * 16 + i) + ',').join(''))
  appendFileSync(${JSON.stringify(out)}, [get(task, at), get(task, at + 1)].join(' ') + ' | ' + seen.join(' | ') + '\\n')
}
`
}

const CASES = [
  [1, 2, 4],
  [2, 2, 5],
  [3, 3, 2],
] as const

for (const [seed, threads, steps] of CASES) {
  t.test(`${threads} threads of ${steps} accesses, seed ${seed}`, async (t) => {
    const folder = t.testdir()
    const programs = randomPrograms(seed, threads, steps)
    const wanted = [...model(programs)].sort()
    const counts: number[] = []
    for (const strategy of ['dfs', 'dpor'] as const) {
      const out = join(folder, `${strategy}.txt`)
      const module = join(folder, `${strategy}.mjs`)
      writeFileSync(module, moduleOf(programs, out))
      const names = programs.map((_, i) => `thread${i}`)
      const result = await explore({
        actors: { module, threads: names, check: 'check', words: 128 },
        strategy,
        preemptions: 1000,
        schedules: 40_000,
      })
      t.equal(result.complete, true, `${strategy}: ${result.schedules} schedules`)
      const seen = [...new Set(readFileSync(out, 'utf8').trimEnd().split('\n'))].sort()
      t.same(seen, wanted, `${strategy}: ${wanted.length} outcomes`)
      counts.push(result.schedules)
    }
    t.ok((counts[1] as number) < (counts[0] as number), 'and the reduction runs fewer')
  })
}
