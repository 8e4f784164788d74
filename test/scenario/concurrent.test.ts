/** Is a concurrent scenario read as it is meant, and is every mistake in one a sentence with file and line? */
import t from 'tap'
import { parseConcurrent } from '../../src/scenario/concurrent.ts'

const TEXT = `scenario munmap-during-device-read
# a comment
era sequence
notifier inline
timeouts off
device 0 svm
device 1 mirror memory=16
setup
  mmap A 4 rw private => ok
  store A 0 7 => ok
thread unmapper cpu
  gone: munmap A 0 4
  after second
  add A 1 5
thread gpu dev 0
  first: dread 0 A 0 1
  second: dadd 0 A 1 1 3
expect
  first is ok values=7 or EFAULT
  outcome first=ok values=7 second=ok
  outcome first=EFAULT second=EFAULT
  final load A 0 is 7 or SIGSEGV
`

t.test('all that a scenario can say', (t) => {
  const scenario = parseConcurrent('x.scn', TEXT)
  t.equal(scenario.name, 'munmap-during-device-read')
  t.equal(scenario.notify, 'inline')
  t.equal(scenario.timeoutsOff, true)
  t.same(scenario.devices, [
    { family: 'svm', memoryPages: 0 },
    { family: 'mirror', memoryPages: 16 },
  ])
  const { threads, setup, opens, expect } = scenario.subject
  t.equal(setup.length, 2)
  t.same(opens, [0, 1])
  t.same(
    threads.map(({ name, on, index, lines }) => [name, on, index, lines.map(({ label, op }) => [label, op.op])]),
    [
      [
        'unmapper',
        'cpu',
        0,
        [
          ['gone', 'munmap'],
          [undefined, 'after'],
          [undefined, 'add'],
        ],
      ],
      [
        'gpu',
        'dev',
        0,
        [
          ['first', 'dread'],
          ['second', 'dadd'],
        ],
      ],
    ],
  )
  t.same(threads[0]?.lines[1]?.op, { op: 'after', index: 4 }, 'after names the operation it waits for')
  t.same(expect, [
    { kind: 'is', line: 19, label: 'first', index: 3, results: ['ok values=7', 'EFAULT'] },
    {
      kind: 'outcome',
      line: 20,
      parts: [
        { label: 'first', index: 3, result: 'ok values=7' },
        { label: 'second', index: 4, result: 'ok' },
      ],
    },
    {
      kind: 'outcome',
      line: 21,
      parts: [
        { label: 'first', index: 3, result: 'EFAULT' },
        { label: 'second', index: 4, result: 'EFAULT' },
      ],
    },
    { kind: 'final', line: 22, handle: 'A', page: 0, results: ['7', 'SIGSEGV'] },
  ])
  t.end()
})

t.test('a known race says what is to report it', (t) => {
  const text = TEXT.replace('expect\n', 'expect\n  expect violation PG\n')
  t.equal(parseConcurrent('x.scn', text).expectViolation, 'PG')
  t.equal(parseConcurrent('x.scn', `${TEXT}expect violation SUB\n`).expectViolation, 'SUB')
  t.end()
})

/** A line is replaced, or put at the end of its block; then this is what the parser says. */
const MISTAKES: readonly (readonly [from: string, to: string, sentence: string])[] = [
  ['scenario munmap-during-device-read\n', '', 'x.scn: the scenario has no name: the first line is "scenario NAME"'],
  [
    'era sequence',
    'era later',
    'x.scn:3: there is no era "later"; there are: events, range-valid, sequence, two-pass, unlocked-timeout',
  ],
  ['notifier inline', 'notifier late', 'x.scn:4: notifier is inline or dispatcher'],
  ['timeouts off', 'timeouts on', 'x.scn:5: timeouts can only be off'],
  ['device 1 mirror memory=16', 'device 2 mirror', 'x.scn: devices are numbered from 0 without a gap: there is no device 1'],
  [
    'device 1 mirror memory=16',
    'device 1 mirror ram=1',
    'x.scn:7: a device takes memory=PAGES, policy=NAME and copy-failures=SHARE, not "ram=1"',
  ],
  ['thread gpu dev 0', 'thread gpu dev 5', 'x.scn:15: there is no device 5'],
  ['thread gpu dev 0', 'thread unmapper dev 0', 'x.scn:15: there is a thread unmapper already'],
  ['thread gpu dev 0', 'thread gpu helper', 'x.scn:15: a thread is: thread NAME cpu, thread NAME reclaim, or thread NAME dev D'],
  ['  first: dread', '  gone: dread', 'x.scn:16: there is a label gone already'],
  ['dread 0 A 0 1', 'dread 1 A 0 1', 'x.scn:16: this thread is the engine of device 0, not of device 1'],
  ['dread 0 A 0 1', 'load A 0', 'x.scn:16: unknown operation "load"; known are dread, dwrite, dadd'],
  [
    'dread 0 A 0 1',
    'dread 0 A 0 1 => ok',
    'x.scn:16: a thread has no recorded answers: what is expected stands in the block expect',
  ],
  ['add A 1 5', 'add A 1 4294967296', 'x.scn:14: values in a concurrent scenario have 32 bits'],
  ['add A 1 5', 'mmap A 1 rw private', 'x.scn:14: a thread maps a handle of its own: A is mapped already'],
  ['add A 1 5', 'mmap B 1 rw shared', 'x.scn:14: a thread maps private memory only'],
  ['after second', 'after third', 'x.scn:13: there is no operation labelled third'],
  ['  first is ok values=7 or EFAULT', '  third is ok', 'x.scn:19: there is no operation labelled third'],
  [
    '  first is ok values=7 or EFAULT',
    '  first',
    'x.scn:19: expect takes: LABEL is R, outcome LABEL=R, final load H P is V, violation ORACLE',
  ],
  ['  first is ok values=7 or EFAULT', '  violation XX', 'x.scn:19: there is no oracle XX; there are '],
  ['setup\n', '', 'x.scn:8: this line belongs to no block: setup, thread or expect comes first'],
]

for (const [from, to, sentence] of MISTAKES) {
  t.test(sentence, (t) => {
    let said = 'nothing'
    try {
      parseConcurrent('x.scn', TEXT.replace(from, to))
    } catch (error) {
      said = (error as Error).message
    }
    t.equal(said.slice(0, sentence.length), sentence)
    t.end()
  })
}
