/**
 * hmm.anon_teardown, the kernel's one selftest with two threads: while one reads a buffer through the device, another unmaps
 * its second half. The read may succeed, then with everything that was there; or fail, as it met the hole.
 */
import { isMainThread } from 'node:worker_threads'
import { checkPageGeneration } from '../../shared/check/pagegeneration.ts'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { boundDriver, registerDriver } from '../../shared/device/registry.ts'
import mirrorDriver from '../../shared/drivers/mirror.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { EFAULT } from '../../shared/memory/errno.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import { tick } from '../../shared/seam/point.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, newSpace, RW, store } from '../support/addressspace.ts'
import { startCrew } from '../support/crew.ts'
import { meet } from '../support/meet.ts'

/** Pages of the buffer. */
const BUFFER = 1024
/** The kernel's ten rounds; and as many in which the delay is as long as a read takes here, so that they meet anywhere in it. */
const ROUNDS = 20
const KERNEL_DELAY_NS = 32_000
const READ_NS = 4_000_000

/** Cpu 0 fills and reads, cpu 1 unmaps. Cpu 0 returns what was wrong, and how often the read succeeded and failed. */
export function teardown(task: Task, mm: number, mirror: number): { wrong: string[]; read: number; refused: number } {
  registerDriver(task, 0, mirrorDriver)
  checkPageGeneration(task)
  switchMm(task, mm as Mm)
  const words = regionAt(task.words, 'programs')
  const result = { wrong: [] as string[], read: 0, refused: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    if (task.id === 0) fill(task, mm as Mm, round)
    meet(task, words + 2 * round, 2)
    if (task.id === 1) unmapLater(task, mm as Mm, round < ROUNDS / 2 ? KERNEL_DELAY_NS : READ_NS)
    else if (readAll(task, mirror as Mirror, round, result.wrong)) result.read++
    else result.refused++
    meet(task, words + 2 * round + 1, 2)
    if (task.id === 0) munmap(task, mm as Mm, A, BUFFER)
  }
  switchMm(task, NO_MM)
  return result
}

function fill(task: Task, mm: Mm, round: number): void {
  area(task, mm, A, BUFFER, RW)
  for (let page = 0; page < BUFFER; page++) store(task, A + page, page + round)
}

function unmapLater(task: Task, mm: Mm, longestNs: number): void {
  const untilNs = task.nowNs() + nextBelow(task.words, task.record + CHANCE, longestNs)
  while (task.nowNs() < untilNs) tick(task)
  munmap(task, mm, A + BUFFER / 2, BUFFER / 2)
}

function readAll(task: Task, mirror: Mirror, round: number, wrong: string[]): boolean {
  const { errno, cpages, faults, values = [] } = boundDriver(task, 0).ioctl(mirror, { cmd: 'read', start: A, pages: BUFFER })
  if (errno === 0) {
    if (cpages !== BUFFER || faults !== 1) wrong.push(`round ${round}: cpages=${cpages} faults=${faults}`)
    for (let page = 0; page < BUFFER; page++)
      if (values[2 * page] !== page + round) wrong.push(`round ${round}, page ${page}: ${values[2 * page]}`)
  } else if (errno !== -EFAULT) wrong.push(`round ${round}: ${errno}`)
  return errno === 0
}

if (isMainThread) {
  const { default: t } = await import('tap')
  t.test('hmm.anon_teardown', async (t) => {
    const crew = startCrew(t, { cpus: 2, devices: 1, noise: 0.01 })
    const { task } = crew
    registerDriver(task, 0, mirrorDriver)
    const mm = newSpace(task)
    const mirror = attachDevice(task, 0, mm) as Mirror
    t.ok(mirror > 0, 'the device is open')
    const [reader] = (await crew.run(import.meta.url, 'teardown', mm, mirror)) as ReturnType<typeof teardown>[]
    t.same(reader?.wrong, [])
    t.comment(`${reader?.read} reads succeeded, ${reader?.refused} met the hole`)
    switchMm(task, NO_MM)
    mmPut(task, mm)
    detachDevice(task, mirror)
    t.same(crew.leftovers(), [])
  })
}
