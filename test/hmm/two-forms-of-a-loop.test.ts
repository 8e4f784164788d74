/**
 * Do the loops over a leaf, and a whole pass of the driver's loop, do the same as WebAssembly and as TypeScript? Two machines are put through
 * the same steps, one of them without its memory: every word of their records must be alike in the end. So for the form of the module that
 * is used, and, in checked machines, for the one that is explored. Formats, requests, what the CPU has and what the mirror had before are
 * anything.
 */
import fc from 'fast-check'
import t from 'tap'
import { attachDevice } from '../../shared/device/attach.ts'
import { DeviceContext } from '../../shared/device/context.ts'
import svm from '../../shared/drivers/svm.ts'
import type { PfnFormat } from '../../shared/hmm/encoding.ts'
import { hasLeafLoops } from '../../shared/hmm/leafloops.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { MIRROR_WRITE, mirrorValid, mirrorWritable } from '../../shared/hmm/mirrorpte.ts'
import { mirrorMarkDirty, mirrorRestrict } from '../../shared/hmm/mirrortable.ts'
import { moduleFor } from '../../shared/hmm/module.ts'
import { wholePass } from '../../shared/hmm/wholepass.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { GATE_NOISE, type Task } from '../../shared/seam/task.ts'
import { A, area, newSpace, RO, RW } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const PAGES = 520 // two leaves
const FIRST = Math.ceil(A / 512) * 512 + 500

/** A format whose flags lie anywhere beside the frame: `marks` gives entries without a page the bits of VALID. */
const formats: fc.Arbitrary<PfnFormat> = fc
  .record({
    pfnShift: fc.integer({ min: 0, max: 44 }),
    order: fc.uniqueArray(fc.integer({ min: 0, max: 43 }), { minLength: 6, maxLength: 6 }),
    used: fc.integer({ min: 0, max: 3 }),
    marks: fc.boolean(),
  })
  .map(({ pfnShift, order, used, marks }) => {
    const bit = (n: number) => 1n << BigInt(n < pfnShift ? n : n + 20)
    const [valid, write, own, error, two, more] = order.map(bit) as [bigint, bigint, bigint, bigint, bigint, bigint]
    const all = (1n << 64n) - 1n
    return {
      valid: valid | two,
      write: (used & 1) === 0 ? 0n : write,
      devicePrivate: (used & 2) === 0 ? 0n : own,
      error: marks ? all : error,
      special: marks ? all ^ more : error,
      none: more,
      pfnShift,
    }
  })

/** Something that happens to pages [first, first + pages). */
const steps = fc.record({
  what: fc.constantFrom(
    'touch',
    'drop',
    'read-only',
    'writable',
    'mirror',
    'mirror',
    'pass',
    'pass',
    'unmirror',
    'protect',
    'dirty',
  ),
  first: fc.integer({ min: 0, max: PAGES - 1 }),
  pages: fc.integer({ min: 1, max: PAGES }),
  request: fc.integer({ min: 0, max: 2 }),
  each: fc.boolean(),
})
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never

interface Outcome {
  readonly answers: (number | boolean)[]
  readonly records: Int32Array
  /** Passes in which a range was filled and installed, step by step. */
  readonly installed: number
  /** Passes that the module did whole. */
  readonly whole: number
  readonly form: Form
}

/** What a machine runs: the form of the module that is used, for machines that nobody checks, or the one that is explored; or TypeScript. */
type Form = 'used' | 'explored' | 'typescript, unchecked' | 'typescript, checked'

function formOf(task: Task): Form {
  if (moduleFor(task) === null) return task.checked ? 'typescript, checked' : 'typescript, unchecked'
  return hasLeafLoops(task) ? 'used' : 'explored'
}

function runOn(form: Form, format: PfnFormat, all: readonly Step[]): Outcome {
  const checked = form === 'explored' || form === 'typescript, checked'
  const { task } = solo({ drivers: [svm], checked, nowNs: () => 0, devices: 1 })
  if (form.startsWith('typescript')) task.memory = null
  task.exploresModule = form === 'explored'
  const mm = newSpace(task)
  area(task, mm, FIRST, PAGES, RW)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const dev = new DeviceContext(task, 0, svm)
  const range = dev.createRange(512, format)
  const answers: (number | boolean)[] = []
  let installed = 0
  let whole = 0
  for (const step of all) {
    const start = FIRST + step.first
    const pages = Math.min(step.pages, PAGES - step.first, 512)
    dev.lock(mirror)
    if (step.what === 'unmirror') answers.push(mirrorRestrict(task, mirror, start, start + pages - 1, 0))
    if (step.what === 'protect') answers.push(mirrorRestrict(task, mirror, start, start + pages - 1, ~MIRROR_WRITE))
    if (step.what === 'dirty') {
      const iterator = dev.iterate(mirror)
      for (let page = start; page < start + pages; page += 3) {
        const entry = dev.entry(iterator, page)
        if (mirrorValid(entry) && mirrorWritable(entry)) mirrorMarkDirty(task, iterator, page)
      }
      iterator.finish()
    }
    dev.unlock(mirror)
    if (step.what === 'touch') answers.push(madvise(task, mm, start, pages, ADVICE.populateWrite))
    if (step.what === 'drop') answers.push(madvise(task, mm, start, pages, ADVICE.dontneed))
    if (step.what === 'read-only') answers.push(mprotect(task, mm, start, pages, RO))
    if (step.what === 'writable') answers.push(mprotect(task, mm, start, pages, RW))
    if (step.what !== 'mirror' && step.what !== 'pass') continue
    const flags = [0n, format.valid, format.valid | format.write][step.request] as bigint
    dev.rangeRequest(range, step.each ? 0n : flags, step.each ? format.valid | format.write : 0n)
    const entries = dev.rangeEntries(range)
    if (step.what === 'pass') {
      const done = wholePass(task, range, mirror, start, pages)
      if (done > 0) whole++
      answers.push(done > 0 ? done : dev.mirrorRange(range, mirror, start, pages, 1))
      continue
    }
    answers.push(dev.rangeRegister(range, mirror, start, pages))
    for (let i = 0; i < pages; i++) entries[i] = i % 5 === 0 ? flags : format.valid
    answers.push(dev.rangeWait(range))
    dev.mmapReadLock(mirror)
    const filled = step.request === 0 ? dev.rangeSnapshot(range) : dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    dev.lock(mirror)
    const valid = dev.rangeValid(range)
    answers.push(filled, valid)
    // Marks of own memory: what the walk found is not any more what is installed, but both forms are given the same.
    if (step.each)
      for (let i = step.first % 16; i < pages; i += 37) entries[i] = (entries[i] as bigint) | (format.devicePrivate ?? 0n)
    if (filled > 0 && valid) {
      answers.push(dev.install(range))
      installed++
    }
    dev.unlock(mirror)
    dev.rangeUnregister(range)
  }
  return {
    answers,
    records: task.words.slice(regionAt(task.words, 'heap'), regionAt(task.words, 'bytes')),
    installed,
    whole,
    form: formOf(task),
  }
}

t.test('every word of all machines is alike', (t) => {
  let installed = 0
  let whole = 0
  fc.assert(
    fc.property(formats, fc.array(steps, { minLength: 3, maxLength: 12 }), (format, all) => {
      // Everything is there and mirrored at first, so that the usual page is what most steps meet.
      const usual = { first: 0, pages: 512, request: 1, each: false }
      const steps = [...(['touch', 'mirror', 'pass'] as const).map((what) => ({ ...usual, what })), ...all]
      for (const [form, beside] of [
        ['used', 'typescript, unchecked'],
        ['explored', 'typescript, checked'],
      ] as const) {
        const module = runOn(form, format, steps)
        const plain = runOn(beside, format, steps)
        if (module.form !== form || plain.form !== beside) throw new Error('a machine does not run the form that it should')
        t.same(module.answers, plain.answers)
        const differs = module.records.findIndex((word, i) => word !== plain.records[i])
        if (differs >= 0) throw new Error(`word ${differs} of the records differs in the form that is ${form}`)
        installed += module.installed
        whole += module.whole
      }
    }),
    { numRuns: 50 },
  )
  t.ok(installed > 60, `${installed} ranges were installed`)
  t.ok(whole > 60, `${whole} passes were done whole`)
  t.end()
})

t.test('the module is not used where accesses are checked, and the loops are not where they are scheduled', (t) => {
  const { task } = solo({ drivers: [svm] })
  t.equal(moduleFor(task), null)
  task.checked = false
  t.not(moduleFor(task), null)
  t.equal(hasLeafLoops(task), true)
  task.gate = GATE_NOISE
  t.not(moduleFor(task), null, 'every atomic of a pass is a schedule point')
  t.equal(hasLeafLoops(task), false)
  t.end()
})
