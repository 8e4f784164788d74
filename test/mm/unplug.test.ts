/** A DAX file, whose pages are a device's: what is not done with them, and what becomes of who maps it when the device goes. */
import t from 'tap'
import { kindById } from '../../shared/frame/objects.ts'
import { migrateSetup, newMigration, SELECT_SYSTEM } from '../../shared/hmm/migratevma.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createDaxFile, createFile, type File, fileGet, filePagemap, filePut, NO_FILE } from '../../shared/mm/file.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { NO_PAGEMAP, pagemapGet, pagemapPut } from '../../shared/mm/pagemap.ts'
import { unplugFile } from '../../shared/mm/unplug.ts'
import { findVma, VM_SHARED } from '../../shared/mm/vma.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, daxArea, entries, load, newSpace, RW, store, takeAll, watchEvents, wrongCounts } from '../support/addressspace.ts'
import { atEveryPoint, everyPreemption, sleeps } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'

const B = A + 0x1000
const SHARED = RW | VM_SHARED
/** Object kind of page maps (mm/pagemap.ts). */
const PAGEMAP_KIND_ID = 25

/** Four pages of a DAX file, shared and written at A, private at B with a copy of page 0. The caller has a use of the file. */
function mapped(task: Task, mm: Mm): File {
  const file = daxArea(task, mm, A, 4, SHARED)
  fileGet(task, file)
  for (const i of [0, 1, 2]) store(task, A + i, i + 1)
  if (mmap(task, mm, B, 4, RW, PLACE_FIXED, file) !== B) throw new Error('the file is not mapped')
  store(task, B, 9)
  load(task, B + 1)
  return file
}

t.test('while the device is there it is a file as others; but its pages are not put out, and do not migrate', (t) => {
  const { task, leftovers } = solo({ swapFrames: 8 })
  const mm = newSpace(task)
  const file = mapped(task, mm)
  store(task, A + 1, 5)
  t.same([load(task, B), load(task, B + 1)], [9, 5])
  t.equal(madvise(task, mm, A, 4, ADVICE.pageout), 0)
  t.same(entries(task, mm, A, 4), ['rw', 'rw', 'rw', '-'])
  downRead(task, mmapSem(mm), MMAP_SEM)
  const vma = findVma(task, mm, A)
  const migration = newMigration({ vma, start: A, last: A + 1, select: SELECT_SYSTEM, owner: 1, zone: 1, faultFrame: -1 })
  t.equal(migrateSetup(task, migration), -EINVAL)
  upRead(task, mmapSem(mm))
  filePut(task, file)
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

t.test('the device goes: all that map the file are told, and SIGBUS from then on; their own copies stay', (t) => {
  const { task, other, leftovers } = solo()
  const mm = newSpace(task)
  const file = mapped(task, mm)
  const cpu1 = other(1)
  const second = newSpace(cpu1, 2)
  t.equal(mmap(cpu1, second, A, 2, SHARED, PLACE_FIXED, file, 1), A)
  t.equal(load(cpu1, A), 2)
  const watchers = [watchEvents(task, mm), watchEvents(task, second)]
  unplugFile(task, file)
  t.same(watchers[0]?.take().sort(), ['clear 0..3', 'clear 4096..4099'])
  t.same(watchers[1]?.take(), ['clear 0..1'])
  t.same(
    [entries(task, mm, A, 4), entries(task, mm, B, 2)],
    [
      ['-', '-', '-', '-'],
      ['rw', '-'],
    ],
  )
  t.same([load(task, A), store(task, A + 3, 1), load(task, B + 1), load(cpu1, A)], ['sigbus', 'sigbus', 'sigbus', 'sigbus'])
  t.equal(load(task, B), 9)
  unplugFile(task, file)
  t.same(watchers[1]?.take(), ['clear 0..1'], 'again: nothing is there, and nothing comes')
  t.same(wrongCounts(task, mm, second), [])
  for (const watcher of watchers) watcher.stop()
  filePut(task, file)
  mmPut(task, mm)
  mmPut(cpu1, second)
  t.same(leftovers(), [])
  t.end()
})

t.test('who has a reference of the page map is waited for, and nobody gets one meanwhile', (t) => {
  const { task, other, leftovers } = solo()
  const mm = newSpace(task)
  const file = mapped(task, mm)
  const map = filePagemap(task, file)
  const cpu1 = other(1)
  t.ok(pagemapGet(task, map))
  const seen: unknown[] = []
  atEveryPoint(cpu1, () => {
    if (!sleeps(cpu1) || seen.length > 0) return
    seen.push(pagemapGet(other(2), map), entries(task, mm, A, 2))
    pagemapPut(task, map)
  })
  unplugFile(cpu1, file)
  t.same(seen, [false, ['rw', 'rw']], 'it sleeps, and nothing was taken yet')
  t.same(entries(task, mm, A, 2), ['-', '-'])
  t.equal(pagemapGet(task, map), false)
  filePut(task, file)
  mmPut(task, mm)
  t.same(leftovers(), [])
  t.end()
})

for (const write of [false, true]) {
  const kind = write ? 'write' : 'read'
  const scene = () => {
    const { task, other, leftovers } = solo()
    const mm = newSpace(task)
    const file = daxArea(task, mm, A, 4, SHARED)
    fileGet(task, file)
    const check = () => {
      const wrong = [...wrongCounts(task, mm)]
      if (entries(task, mm, A, 4).join() !== '-,-,-,-') wrong.push(`still mapped: ${entries(task, mm, A, 4)}`)
      if (load(task, A) !== 'sigbus') wrong.push('the device is gone, and a page is there')
      filePut(task, file)
      mmPut(task, mm)
      wrong.push(...leftovers())
      if (wrong.length > 0) throw new Error(wrong.join('; '))
    }
    return { task, cpu1: other(1), file, check, touch: () => (write ? store(task, A, 2) : load(task, A)) }
  }

  t.test(`a ${kind} fault that meets the end of the device leaves no page mapped`, (t) => {
    const inFault = everyPreemption(() => {
      const { task, cpu1, file, check, touch } = scene()
      return { first: task, run: touch, second: cpu1, meanwhile: () => unplugFile(cpu1, file), check }
    })
    const inUnplug = everyPreemption(() => {
      const { task, cpu1, file, check, touch } = scene()
      return { first: cpu1, run: () => unplugFile(cpu1, file), second: task, meanwhile: touch, check }
    })
    t.ok(inFault > 10 && inUnplug > 10, `${inFault} and ${inUnplug} schedules`)
    t.end()
  })
}

t.test('no memory for the page map: no file, and nothing is left of it', (t) => {
  const { task, leftovers } = solo({ bytes: 2 * 1024 * 1024 })
  const room = createFile(task, 1)
  t.equal(filePagemap(task, room), NO_PAGEMAP)
  const giveBack = takeAll(task, kindById(PAGEMAP_KIND_ID))
  filePut(task, room)
  const plain = createFile(task, 1)
  t.not(plain, NO_FILE, 'there is memory for the file itself')
  filePut(task, plain)
  t.equal(createDaxFile(task, 1), NO_FILE)
  giveBack()
  t.same(leftovers(), [])
  t.end()
})
