/** What does `hmm doctor` find of this host, and what would it say of others? */
import t from 'tap'
import { judge } from '../../src/doctor/judge.ts'
import { type Findings, missingIn } from '../../src/doctor.ts'
import { doctorDocument } from '../../src/documents.ts'
import { hmm } from '../support/command.ts'

t.test('this host: everything is measured, and the document stands alone on stdout', (t) => {
  const { status, stdout, stderr } = hmm('doctor', '--json', '-')
  t.equal(status, 0, stderr)
  const { ok, schema, found, missing, judgements } = doctorDocument.parse(JSON.parse(stdout))
  t.same([ok, schema, missing], [true, 'hmm-runtime/doctor/1', []])
  const { cores, clock, access, round_trips, memory } = found as NonNullable<typeof found>
  t.ok(cores.usable >= 1 && cores.usable <= cores.total)
  t.ok(clock.step_ns >= 1)
  for (const [name, ns] of Object.entries(access)) t.ok(ns > 0.05 && ns < 10_000, `${name}: ${ns} ns`)
  for (const [name, ns] of Object.entries(round_trips)) t.ok(ns !== null && ns > 20, `${name}: ${ns} ns`)
  t.equal(memory.shares_machine, true)
  t.equal(judgements.length, 5)
  t.match(stderr, /verdict: machines run here\.\n$/)
  t.end()
})

const GOOD: Findings = {
  node: 'v22.0.0',
  platform: 'linux x64',
  cpu: 'made',
  cores: { usable: 8, total: 8 },
  clock: { step_ns: 40, cost_ns: 40 },
  access: {
    plain_load_ns: 0.5,
    plain_store_ns: 0.5,
    atomic_load_ns: 5,
    atomic_store_ns: 6,
    atomic_add_ns: 6,
    atomic_cas_ns: 7,
  },
  round_trips: { futex_ns: 6000, spin_ns: 250, message_ns: 16_000 },
  memory: { total_bytes: 2 ** 34, free_bytes: 2 ** 33, limit_bytes: null, shares_machine: true, shares_bytes: 2 ** 32 },
  taskset: true,
  loop: { p50_ns: 170_000, spread: 0.02, max_ns: 200_000 },
  others: 0.01,
}
const told = (found: Partial<Findings>) => judge({ ...GOOD, ...found })

t.test('a host that is left alone is trusted with everything', (t) => {
  t.same(
    told({}).map(({ trust }) => trust),
    ['yes', 'yes', 'yes', 'yes', 'yes'],
  )
  t.end()
})

t.test('one core, a coarse clock, an uneven host and a busy one are told, each where it matters', (t) => {
  const [, , contention, hops] = told({ cores: { usable: 1, total: 4 } })
  t.match(contention, { trust: 'no', why: /^one core: actors take turns and never meet/ })
  t.match(hops, { trust: 'no' })
  t.match(told({ clock: { step_ns: 1e6, cost_ns: 10 } })[1], {
    trust: 'no',
    why: /steps of 1 ms: .* shorter than 10 ms by itself/,
  })
  t.match(told({ loop: { ...GOOD.loop, spread: 0.7 } })[0], { trust: 'with care', why: /only ratios of medians/ })
  t.match(told({ others: 0.8 })[1], { trust: 'with care', why: /p99 and above are how long they kept one/ })
  t.match(told({ others: 0.8 })[2], { trust: 'no', why: /other processes use 80 % of the cores/ })
  t.match(told({ round_trips: { futex_ns: 6000, spin_ns: 40_000, message_ns: 1 } })[3], {
    trust: 'no',
    why: 'spinning takes 40 us there and back and sleeping 6 us: somebody else has one of the cores',
  })
  t.match(told({ round_trips: { futex_ns: null, spin_ns: 1, message_ns: 1 } })[3], { trust: 'no', why: /did not answer/ })
  t.end()
})

t.test('what no machine runs without is missed', (t) => {
  t.same(missingIn(globalThis), [])
  t.same(missingIn({ SharedArrayBuffer, Atomics: { notify: 1 }, WebAssembly: { Memory: 1 } }), [
    'there is no Atomics.wait: threads cannot share a machine here',
  ])
  t.equal(missingIn({}).length, 4)
  t.end()
})
