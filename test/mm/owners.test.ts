/** Which areas does a reverse walk visit? Those of the fork branch that can map the frame, in the order they came; no others. */
import t from 'tap'
import { type Frame, frameGet, frameLock, frameUnlock } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { chainRoot, pinOwner, unpinOwner } from '../../shared/mm/anonvma.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { walkMappings } from '../../shared/mm/rmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { findVma, vmaMm, vmaOwner, vmaOwnerChain } from '../../shared/mm/vma.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, area, frameOf, newSpace, RW, store } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

/** Address spaces that a walk of `frame` visits. */
function visited(task: Task, frame: Frame): Mm[] {
  const found: Mm[] = []
  frameGet(task, frame)
  frameLock(task, frame)
  walkMappings(task, frame, (vma) => found.push(vmaMm(task, vma)))
  frameUnlock(task, frame)
  framePut(task, frame)
  return found
}

function ownerAt(task: Task, mm: Mm, vpn: number) {
  downRead(task, mmapSem(mm), MMAP_SEM)
  const vma = findVma(task, mm, vpn)
  const found = { owner: vmaOwner(task, vma), root: chainRoot(task, vmaOwnerChain(task, vma)) }
  upRead(task, mmapSem(mm))
  return found
}

t.test(
  'a frame is looked for in the area that made it and in those that descend from it, never in a parent or a sister',
  async (t) => {
    const { task, leftovers } = solo()
    const parent = newSpace(task)
    area(task, parent, A, 8, RW)
    store(task, A, 1)
    const child = fork(task, parent, 1)
    const grandchild = fork(task, child, 2)
    t.same(visited(task, frameOf(task, parent, A)), [parent, child, grandchild], 'all three, as they came')
    switchMm(task, child)
    store(task, A + 2, 1)
    t.same(
      visited(task, frameOf(task, child, A + 2)),
      [child, grandchild],
      'made after that fork, but the grandchild might have it',
    )
    switchMm(task, grandchild)
    store(task, A, 1)
    t.same(visited(task, frameOf(task, grandchild, A)), [grandchild], 'a copy is its own')
    for (const mm of [grandchild, child, parent]) mmPut(task, mm)
    t.same(leftovers(), [])
  },
)

t.test('a frame that only one still maps becomes its own with the next write', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 8, RW)
  store(task, A, 1)
  const [child, sister] = [fork(task, parent, 1), fork(task, parent, 2)]
  munmap(task, parent, A, 1)
  munmap(task, sister, A, 1)
  const frame = frameOf(task, child, A)
  t.same(visited(task, frame), [child])
  switchMm(task, child)
  store(task, A, 2)
  t.equal(frameOf(task, child, A), frame, 'no copy')
  const again = fork(task, parent, 3)
  t.same(visited(task, frame), [child])
  for (const mm of [again, sister, child, parent]) mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('forks that go on for ever, each parent ending, do not make chains without end', async (t) => {
  const { task, leftovers } = solo()
  let mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  const owners = new Set<number>()
  for (let generation = 1; generation <= 40; generation++) {
    const child = fork(task, mm, generation)
    mmPut(task, mm)
    mm = child
    owners.add(ownerAt(task, mm, A).owner)
  }
  t.ok(owners.size <= 4, `${owners.size} owners for 40 generations`)
  t.same(visited(task, frameOf(task, mm, A)), [mm])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a pinned owner outlives its areas; an unmapped frame has none to pin', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  const frame = frameOf(task, mm, A)
  frameGet(task, frame)
  const owner = pinOwner(task, frame)
  t.equal(owner, ownerAt(task, mm, A).owner)
  mmPut(task, mm)
  t.equal(pinOwner(task, frame), 0)
  t.same(visited(task, frame), [])
  framePut(task, frame)
  t.equal(leftovers().length, 2, 'the owner and its family are still there')
  unpinOwner(task, owner)
  t.same(leftovers(), [])
})
