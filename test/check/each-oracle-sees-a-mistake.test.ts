/**
 * Does every oracle that looks while things happen, or when a schedule is over, see a mistake in the core? One step of the built
 * code is changed, the oracle that is asked for reports it, and the same scenario is clean without the change. The mistakes are
 * plain ones: what the known races look like is test/races's question.
 */
import t from 'tap'
import type { CoreEdit } from '../../src/races/edit.ts'
import { planted } from '../support/planted.ts'

interface Mistake {
  readonly finding: RegExp
  readonly edit: CoreEdit
}

/** One scenario, several mistakes: the clean run is made once for all of them. */
interface Case {
  readonly title: string
  readonly scenario: string
  readonly mistakes: Readonly<Record<string, Mistake>>
}

const edit = (file: string, find: string, by: string): CoreEdit => ({ file, replace: [[find, by]] })

const CASES: readonly Case[] = [
  {
    title: 'a cpu alone',
    scenario: `scenario alone
setup
  mmap A 1 rw private => ok
  store A 0 7 => ok
  madvise A 0 1 free => ok
thread user cpu
  store A 0 9
`,
    mistakes: {
      'a new page is not cleared': {
        finding: /^SEC: .*cpu 0 reaches A\+0 in frame \d+, which nobody initialised since it was handed out/,
        edit: edit('shared/frame/zones.js', 'if (frame !== NO_FRAME)\n        frameClear(task, frame);', ''),
      },
      'a write leaves no dirty bit': {
        finding: /^DIRTY: frame \d+ \(A\+0\) was written since it was declared clean, and is dirty nowhere/,
        edit: edit('shared/mm/access.js', 'entry | PTE_YOUNG | (write ? PTE_DIRTY : 0)', 'entry | PTE_YOUNG'),
      },
      'a new page has another place in its owner': {
        finding:
          /^REF: frame \d+, which A\+0 maps, has place \d+ in its owner, and the page has \d+: no reverse walk finds the entry/,
        edit: edit(
          'shared/mm/fault.js',
          'frameSetMapping(task, frame, vmaOwner(task, vma), vmaIndex(task, vma, vpn));',
          'frameSetMapping(task, frame, vmaOwner(task, vma), vmaIndex(task, vma, vpn) + 1);',
        ),
      },
    },
  },
  {
    title: 'a device that writes a page which is taken away from it',
    scenario: `scenario taken-away
device 0 svm
setup
  mmap A 1 rw private => ok
  store A 0 7 => ok
  madvise A 0 1 free => ok
thread gpu dev 0
  written: dwrite 0 A 0 1 8
thread changer cpu
  after written
  mprotect A 0 1 r
`,
    mistakes: {
      'the entry goes and its dirty bit with it': {
        finding: /^DIRTY: frame \d+ \(A\+0\) was written/,
        edit: edit('shared/hmm/mirrortable.js', 'frameMarkDirty(task, mirrorPteFrame(before));', ';'),
      },
      'the device keeps its entry': {
        finding: /^SUB: device 0 still maps A\+0, for writing, while the CPU may only read it/,
        edit: edit('shared/drivers/svm.js', 'dev.unmap(mirror, dev.start(range), dev.last(range));', ''),
      },
      'the epoch does not end': {
        finding: /^CON: an epoch runs, and no invalidation does/,
        edit: edit('shared/notifier/subscriptions.js', 'atomicStore(task, subs + SEQ, seq + 1);', ''),
      },
    },
  },
  {
    title: 'a device that goes on writing',
    scenario: `scenario goes-on
device 0 svm
setup
  mmap A 1 rw private => ok
  store A 0 7 => ok
thread gpu dev 0
  written: dwrite 0 A 0 1 8
  after changed
  dwrite 0 A 0 1 9
thread changer cpu
  after written
  changed: mprotect A 0 1 r
`,
    mistakes: {
      'the device keeps its entry': {
        finding: /^PERM: device 0 writes A\+0, which the CPU may not write, with no invalidation open/,
        edit: edit('shared/drivers/svm.js', 'dev.unmap(mirror, dev.start(range), dev.last(range));', ''),
      },
    },
  },
  {
    title: 'a reaper that takes a page which a device maps',
    scenario: `scenario reaped
device 0 svm
setup
  mmap A 1 rw private => ok
  store A 0 7 => ok
thread gpu dev 0
  written: dwrite 0 A 0 1 8
thread reaper reclaim
  after written
  reap A 0 1
`,
    mistakes: {
      'the callback sleeps for its lock': {
        finding: /^CON: taking driver lock may sleep, but the invalidation may not: try, and refuse it/,
        edit: edit('shared/drivers/svm.js', 'if (!blockable)', 'if (false)'),
      },
    },
  },
  {
    title: 'two writers of a page that goes',
    scenario: `scenario dropped
device 0 svm
setup
  mmap A 1 rw private => ok
  store A 0 7 => ok
thread dropper cpu
  madvise A 0 1 dontneed
thread gpu dev 0
  dwrite 0 A 0 1 9
`,
    mistakes: {
      'who waits for the end is not woken': {
        finding: /^WAKE: nobody can move, and nobody is left to wake: .*waits for/,
        edit: edit('shared/notifier/subscriptions.js', 'wakeAll(task, subs + READERS);', ''),
      },
      'a page that goes is counted as mapped once less, and its reference stays': {
        finding: /^REF: /,
        edit: edit('shared/mm/gather.js', 'framePut(task, task.words[at + FRAMES + i]);', ''),
      },
    },
  },
]

for (const { title, scenario, mistakes } of CASES) {
  t.test(title, async (t) => {
    t.equal(await planted({ scenario }), null, 'is clean')
    for (const [mistake, { finding, edit }] of Object.entries(mistakes))
      t.match(await planted({ scenario, edit, schedules: 200 }), finding, mistake)
  })
}
