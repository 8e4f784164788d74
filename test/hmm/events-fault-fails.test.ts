/**
 * A device fault of 2016 whose CPU fault, or whose table, fails on the way (section 2.7): what the caller is told, and that nothing is
 * shown. And hugetlb, which was -EFAULT in the first postings and is served.
 */
import t from 'tap'
import { directoryKind } from '../../shared/hmm/directory.ts'
import { HMM_DEVICE_READ_FAULT, HMM_DEVICE_WRITE_FAULT } from '../../shared/hmm/event.ts'
import { MIRROR_GEOMETRY } from '../../shared/hmm/mirror.ts'
import { fileGet, filePut } from '../../shared/mm/file.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { unplugFile } from '../../shared/mm/unplug.ts'
import { VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, daxArea, entry, fileArea, RW, store, takeAll } from '../support/addressspace.ts'
import { eventMachine } from '../support/eventmachine.ts'

const SHARED = RW | VM_SHARED

t.test("-EFAULT: a page of a file behind the file's end", (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  fileArea(task, mm, A, 4, SHARED, 2)
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A + 1), 'ok')
  machine.told()
  t.equal(machine.fault(0, HMM_DEVICE_READ_FAULT, A + 2), 'EFAULT')
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A, 3), 'EFAULT', 'and with it the two pages before')
  t.same([machine.told(), machine.entry(0, A), machine.entry(0, A + 2)], [[], '-', '-'])
  t.same(machine.close(), [])
  t.end()
})

t.test('-EFAULT: a page of a device that was taken away', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  const file = daxArea(task, mm, A, 2, SHARED)
  fileGet(task, file)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  machine.told()
  unplugFile(task, file)
  t.same([machine.told(), machine.entry(0, A)], [['0: HMM_MIGRATE 0..1'], '-'])
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'EFAULT')
  filePut(task, file)
  t.same(machine.close(), [])
  t.end()
})

t.test('-ENOMEM: no directory for the table; nothing is shown, and with memory it works', (t) => {
  const machine = eventMachine()
  const { task, mm } = machine
  area(task, mm, A, 513, RW)
  store(task, A, 5)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A + 512), 'ok') // the directories above are there: what is taken is of one kind
  machine.told()
  const giveBack = takeAll(task, directoryKind(MIRROR_GEOMETRY, MIRROR_GEOMETRY.leafLevel))
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ENOMEM')
  t.same([machine.told(), machine.entry(0, A)], [[], '-'])
  giveBack()
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A), 'ok')
  t.same(machine.close(), [])
  t.end()
})

t.test('0: hugetlb, by 4 KiB', (t) => {
  const machine = eventMachine([{}], { bytes: 32 * 1024 * 1024 })
  const { task, mm } = machine
  t.equal(mmap(task, mm, A, 512, RW | VM_HUGETLB, PLACE_FIXED), A)
  t.equal(machine.fault(0, HMM_DEVICE_WRITE_FAULT, A + 7, 2), 'ok')
  t.equal(entry(task, mm, A + 7), 'huge rw')
  t.same(
    [6, 7, 8, 9].map((i) => machine.entry(0, A + i)),
    ['-', 'rw shown', 'rw shown', '-'],
  )
  t.equal(machine.access(0, A + 8, 'write'), 'ok')
  t.same(machine.close(), [])
  t.end()
})
