/** What does `hmm stress` take and say about devices with memory of their own; and what is refused, in one sentence? */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { stressDocument } from '../../src/documents.ts'
import { parseConcurrent } from '../../src/index.ts'
import { workerFlags } from '../../src/remote.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const CLI = fileURLToPath(new URL(`../../src/cli${extension}`, import.meta.url))
const POLICY = fileURLToPath(new URL(`../device/policies/atomics-migrate${extension}`, import.meta.url))
const NO_POLICY = fileURLToPath(new URL(`../drivers/throws${extension}`, import.meta.url))

function stress(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...workerFlags(), CLI, 'stress', ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

t.test('counts, as text and as a document', (t) => {
  const { status, stdout, stderr } = stress(
    ...['oversubscribe', '--duration', '1', '--devices', 'svm', '--device-memory', '16'],
    ...['--policy', POLICY, '--copy-failures', '0.5', '--json', '-'],
  )
  t.equal(status, 0, stderr)
  const document = stressDocument.parse(JSON.parse(stdout))
  t.match(document, { device_memory: 16, policy: POLICY })
  t.ok(document.migrations > 0)
  t.match(
    stderr,
    /migrations .* evicted, .* throttled, .* pinned, .* exclusive, .* copies failed \(policy .*, 16 pages on each device\)/,
  )
  t.end()
})

for (const [args, message] of [
  [['--policy', 'nearest'], /driver svm cannot go by this policy: there is no policy "nearest"; there are system, first-touch/],
  [['--policy', './nowhere.js'], /there is no policy ".\/nowhere.js", and no file of that name/],
  [['--policy', NO_POLICY], /driver svm cannot go by this policy: throws has no onFault\(\)/],
  [['--devices', 'mirror', '--policy', 'system'], /no device among mirror goes by a policy: svm does/],
  [['--copy-failures', '2'], /copy failures is a number from 0 to 1/],
  [['--device-memory', 'some'], /device memory is a whole number from 0 to 262144/],
] as const) {
  t.test(`${args.slice(-2).join(' ')} is refused`, (t) => {
    const { status, stderr } = stress('oversubscribe', '--duration', '1', ...args)
    t.match({ status, stderr }, { status: 2, stderr: message })
    t.equal(stderr.trim().split('\n').length, 1, 'one sentence')
    t.end()
  })
}

t.test('a scenario says the same', (t) => {
  const text = (settings: string) =>
    `scenario s\ndevice 0 svm ${settings}\nthread a cpu\n  add A 0 1\nsetup\n  mmap A 1 rw private\n`
  t.same(parseConcurrent('x.scn', text('memory=4 policy=system copy-failures=0.25')).devices, [
    { family: 'svm', memoryPages: 4, policy: 'system', copyFailures: 0.25 },
  ])
  t.throws(() => parseConcurrent('x.scn', text('copy-failures=2')), { message: /x.scn:2: a device takes memory=PAGES/ })
  t.end()
})
