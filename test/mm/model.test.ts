/**
 * Do random sequences of mmap, munmap, mprotect, mremap, madvise, loads and stores leave what a plain map of pages says: the
 * same answers, the same areas (disjoint, and joined wherever they differ in nothing), the same rights and contents?
 */
import fc from 'fast-check'
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { createFile, type File, filePut, NO_FILE } from '../../shared/mm/file.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmVmaCount } from '../../shared/mm/mm.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, areas, entries, load, NONE, newSpace, RO, RW, store, wrongCounts } from '../support/addressspace.ts'
import { type Backing, PageModel } from '../support/pagemodel.ts'
import { solo } from '../support/solo.ts'

/** Pages in play: the middle one is the last of a leaf table. */
const BASE = A + 512 - 24
const SPAN = 48
const MAX_PAGES = 14
/** The file ends before a long mapping of it does. */
const FILE_PAGES = 10

const at = fc.integer({ min: 0, max: SPAN - 1 }).map((n) => BASE + n)
const pages = fc.integer({ min: 1, max: MAX_PAGES })
const rights = fc.constantFrom(RW, RW, RO, NONE)
const moves = fc.constantFrom(
  0,
  MREMAP_MAYMOVE,
  MREMAP_MAYMOVE | MREMAP_FIXED,
  MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP,
  MREMAP_MAYMOVE | MREMAP_DONTUNMAP,
  MREMAP_FIXED,
)

type Step =
  | { op: 'mmap'; at: number; pages: number; rights: number; backing: Backing }
  | { op: 'munmap'; at: number; pages: number }
  | { op: 'mprotect'; at: number; pages: number; rights: number }
  | { op: 'madvise'; at: number; pages: number; advice: number }
  | { op: 'mremap'; at: number; pages: number; newPages: number; flags: number; target: number }
  | { op: 'store'; at: number; value: number }
  | { op: 'load'; at: number }

const backing = fc.constantFrom<Backing>('anonymous', 'anonymous', 'shared', 'private file')
const advice = fc.constantFrom(ADVICE.dontneed, ADVICE.dontneed, ADVICE.hugepage, ADVICE.dontfork)
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ op: fc.constant('mmap' as const), at, pages, rights, backing }),
  fc.record({ op: fc.constant('munmap' as const), at, pages }),
  fc.record({ op: fc.constant('mprotect' as const), at, pages, rights }),
  fc.record({ op: fc.constant('madvise' as const), at, pages, advice }),
  fc.record({ op: fc.constant('mremap' as const), at, pages, newPages: pages, flags: moves, target: at }),
  { weight: 3, arbitrary: fc.record({ op: fc.constant('store' as const), at, value: fc.integer({ min: 1, max: 999 }) }) },
  fc.record({ op: fc.constant('load' as const), at }),
)

function apply(task: Task, mm: Mm, file: File, step: Step): number | string {
  switch (step.op) {
    case 'mmap': {
      const anonymous = step.backing === 'anonymous'
      const flags = step.rights | (step.backing === 'shared' ? VM_SHARED : 0)
      return mmap(task, mm, step.at, step.pages, flags, PLACE_FIXED, anonymous ? NO_FILE : file)
    }
    case 'munmap':
      return munmap(task, mm, step.at, step.pages)
    case 'mprotect':
      return mprotect(task, mm, step.at, step.pages, step.rights)
    case 'madvise':
      return madvise(task, mm, step.at, step.pages, step.advice)
    case 'mremap':
      return mremap(task, mm, step.at, step.pages, step.newPages, step.flags, step.target)
    case 'store':
      return store(task, step.at, step.value)
    default:
      return load(task, step.at)
  }
}

function expected(model: PageModel, step: Step): number | string {
  switch (step.op) {
    case 'mmap':
      return model.mmap(step.at, step.pages, step.rights, step.backing)
    case 'munmap':
      return model.munmap(step.at, step.pages)
    case 'mprotect':
      return model.mprotect(step.at, step.pages, step.rights)
    case 'madvise':
      return model.madvise(step.at, step.pages, step.advice)
    case 'mremap':
      return model.mremap(step.at, step.pages, step.newPages, step.flags, step.target)
    case 'store':
      return model.store(step.at, step.value)
    default:
      return model.load(step.at)
  }
}

/** Entries may lack a right that the area has, never have one that it lacks; outside areas there are none. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  'rw-p': ['-', '0', 'ro', 'rw'],
  'rw-s': ['-', 'ro', 'rw'],
  'r--p': ['-', '0', 'ro'],
  'r--s': ['-', 'ro'],
  '---p': ['-', 'none'],
  '---s': ['-', 'none'],
}

function wrongEntries(task: Task, mm: Mm): string[] {
  const texts = entries(task, mm, BASE, SPAN + MAX_PAGES)
  const mapped = new Set<number>()
  const wrong: string[] = []
  for (const { start, pages, rights } of areas(task, mm)) {
    for (let vpn = start; vpn < start + pages; vpn++) {
      mapped.add(vpn)
      const text = entries(task, mm, vpn, 1)[0] as string
      if (ALLOWED[rights]?.includes(text) !== true) wrong.push(`page ${vpn - BASE} in ${rights} is ${text}`)
    }
  }
  for (const [i, text] of texts.entries()) if (text !== '-' && !mapped.has(BASE + i)) wrong.push(`page ${i} in a hole is ${text}`)
  return wrong
}

function check(steps: readonly Step[]): void {
  const { task, leftovers } = solo({ bytes: 2 * 1024 * 1024 })
  const mm = newSpace(task)
  const file = createFile(task, FILE_PAGES)
  const model = new PageModel(FILE_PAGES)
  const same = (what: string, got: unknown, wanted: unknown) => {
    if (JSON.stringify(got) !== JSON.stringify(wanted))
      throw new Error(`${what}: ${JSON.stringify(got)}, the model says ${JSON.stringify(wanted)}`)
  }
  for (const [i, step] of steps.entries()) {
    same(`answer of step ${i}, ${step.op}`, apply(task, mm, file, step), expected(model, step))
    same(`areas after step ${i}, ${step.op}`, areas(task, mm), model.areas())
    same('number of areas', mmVmaCount(task, mm), model.areas().length)
    same('entries', wrongEntries(task, mm), [])
  }
  filePut(task, file) // from here on only areas keep it, as the audit expects
  same('reference counts', wrongCounts(task, mm), [])
  for (const vpn of model.mapped()) same(`content of page ${vpn - BASE}`, load(task, vpn), model.load(vpn))
  for (const { start, pages } of model.areas()) {
    mprotect(task, mm, start, pages, RW)
    model.mprotect(start, pages, RW)
  }
  for (const vpn of model.mapped()) same(`content of page ${vpn - BASE} once readable`, load(task, vpn), model.load(vpn))
  mmPut(task, mm)
  same('leftovers', leftovers(), [])
}

t.test('every sequence ends where the model does', async (t) => {
  fc.assert(fc.property(fc.array(step, { minLength: 5, maxLength: 40 }), check), { seed: 20, numRuns: 2500 })
  t.pass('2500 sequences')
})

t.test('the comparison can fail: a model that forgets one munmap is found out', async (t) => {
  t.throws(
    () =>
      check([
        { op: 'mmap', at: BASE, pages: 4, rights: RW, backing: 'anonymous' },
        { op: 'munmap', at: BASE, pages: Number.NaN },
      ]),
    /answer of step 1, munmap: -22, the model says 0/,
  )
})
