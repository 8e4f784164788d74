/**
 * The workload `migrate`: cpus drive the kernel's test device (`mirror`), whose own memory pages move to and from, concurrently
 * and against everything else that changes an address space. Devices that raise faults (`svm`) work on the same pages meanwhile, so
 * that what one device has taken is asked for by another.
 *
 *   area   pages   kind      what happens to it
 *   A         64   private   atomic adds by cpus and by devices that fault; migrated, brought home, taken exclusively, write-protected and back, forked
 *   B         64   private   loads and stores by cpus, read and written by devices; the same, and unmapped and dropped
 *
 * Nothing ever takes content away from A, so its sums can be audited. The test device's own writes go to B only: they take the word
 * that A is added to.
 */
import type { AuditedArea } from '../../check/sum.ts'
import { putMirror } from '../../device/attach.ts'
import { deviceCount, getMirrorOf } from '../../device/record.ts'
import { boundDriver } from '../../device/registry.ts'
import { NO_MIRROR } from '../../hmm/mirror.ts'
import type { WordAt } from '../../memory/words.ts'
import { ADVICE } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { VM_READ } from '../../mm/vma.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION, SLOT_PAGES } from '../../seam/trace.ts'
import type { Span } from './reclaim.ts'
import {
  addTo,
  advise,
  draw,
  forkBriefly,
  loadAdd,
  loadTouch,
  PAUSE_NS,
  protect,
  RW,
  replace,
  runBursts,
  SUM_WORD,
  touch,
} from './steps.ts'

const A = 1 * SLOT_PAGES
const B = 2 * SLOT_PAGES
const PAGES = 64

/** Areas whose sums are audited. */
export const MIGRATE_AUDITED: readonly AuditedArea[] = [{ vpn: A, pages: PAGES, first: 0, word: SUM_WORD, shared: false }]
/** Areas that lose pages anyway. */
export const MIGRATE_EXPENDABLE: readonly Span[] = [{ vpn: B, pages: PAGES }]
/** Pages of each device's own memory: fewer than there are to be migrated. */
export const MIGRATE_DEVICE_PAGES = 96

const MAX_SPAN = 16
const ACCESSES = 48

/** Maps the areas. Throws when the machine is too small for them. */
export function setUpMigrate(task: Task, mm: Mm): void {
  if (mmap(task, mm, A, PAGES, RW, PLACE_FIXED) < 0 || mmap(task, mm, B, PAGES, RW, PLACE_FIXED) < 0)
    throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for the areas of workload migrate')
}

/** One round of a cpu thread: accesses, some commands to devices, one change to the address space. */
export function stepMigrate(task: Task, mm: Mm): void {
  for (let i = 0; i < ACCESSES; i++) access(task)
  for (let i = 0; i < 3; i++) command(task, mm)
  change(task, mm)
  nap(task, PAUSE_NS)
}

/** What a device that raises faults does; the test device is its own copy engine, on the cpu that asks. */
export function migrateKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  return runBursts(task, device, instance, (context) => {
    if (draw(task, 2) === 0) loadAdd(task, device, context, A + draw(task, PAGES))
    else loadTouch(task, device, context, B + draw(task, PAGES))
  })
}

function access(task: Task): void {
  if (draw(task, 2) === 0) addTo(task, A + draw(task, PAGES))
  else touch(task, B + draw(task, PAGES))
}

const COMMANDS = ['migrate_dev', 'migrate_dev', 'migrate_sys', 'exclusive', 'read', 'snapshot', 'write', 'release'] as const

/** One command to some device that mirrors `mm`. */
function command(task: Task, mm: Mm): void {
  if (deviceCount(task) === 0) return
  const device = draw(task, deviceCount(task))
  if (!boundDriver(task, device).takesCommands) return
  const mirror = getMirrorOf(task, device, mm)
  if (mirror === NO_MIRROR) return
  const cmd = COMMANDS[draw(task, COMMANDS.length)] as string
  const pages = 1 + draw(task, MAX_SPAN)
  const start = (cmd === 'write' || draw(task, 2) === 0 ? B : A) + draw(task, PAGES - pages + 1)
  beginOp(task, OPERATION.ioctl, start, pages, device)
  boundDriver(task, device).ioctl(mirror, { cmd, start, pages, low: draw(task, 1000), high: 0 })
  endOp(task)
  putMirror(task, mirror)
}

function change(task: Task, mm: Mm): void {
  const roll = draw(task, 100)
  const pages = 1 + draw(task, MAX_SPAN)
  const offset = draw(task, PAGES - pages + 1)
  if (roll < 25) advise(task, mm, B + offset, pages, ADVICE.dontneed)
  else if (roll < 45) replace(task, mm, B + offset, pages)
  else if (roll < 60) protect(task, mm, B + offset, pages, [VM_READ, RW, RW, 0][draw(task, 4)] as number)
  else if (roll < 80) {
    protect(task, mm, A + offset, pages, draw(task, 2) === 0 ? VM_READ : 0)
    protect(task, mm, A + offset, pages, RW)
  } else
    forkBriefly(task, mm, (child) => {
      for (let i = 0; i < 8; i++) access(task)
      advise(task, child, A + offset, pages, ADVICE.dontneed)
    })
}
