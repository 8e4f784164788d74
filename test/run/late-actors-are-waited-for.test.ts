/**
 * A run is at its end, and an actor is late, as any may be on a loaded host: is that held against the run? It is waited for, and
 * the machine can be used again. (Of a run that failed, a late actor is ended soon: a-failing-actor-ends-the-run.)
 */
import t from 'tap'
import { bootScenarioMachine, runScenario } from '../../src/run/lane.ts'
import { parseSequential } from '../../src/scenario/parse.ts'

t.test('a service is busy for 0.8 s after the last operation', async (t) => {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const machine = await bootScenarioMachine({ driver: new URL(`../drivers/stops-late${extension}`, import.meta.url).href })
  t.teardown(() => machine.close())
  const scenario = parseSequential(
    'late',
    'mmap A 1 rw private => ok\ndread 0 A 0 1 => ok cpages=1 faults=1 values=0\nopen 1 => ok\nopen 0 => ok',
  )
  const began = performance.now()
  t.same(await runScenario(machine, scenario), { file: 'late', ok: true })
  t.ok(performance.now() - began > 500, 'it was late indeed')
  t.ok(machine.reusable)
})
