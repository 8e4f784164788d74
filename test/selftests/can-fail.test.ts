/** Can a selftest fail? A wrong value, a wrong count and a wrong signal are each reported, with their line. */
import t from 'tap'
import { bootScenarioMachine } from '../../src/run/lane.ts'
import { differences, I, read, type Script } from '../support/selftest.ts'

const MISTAKES: Readonly<Record<string, { write: (k: Script) => void; reported: RegExp }>> = {
  'a value': { write: (k) => k.answers('dread 0 A 0 4', read(I(4, 1))), reported: /a value:6:.*values=1001.*values=1000/s },
  'a count of faults': { write: (k) => k.answers('dread 0 A 0 4', read(I(4), 0)), reported: /faults:6:.*faults=0.*faults=1/s },
  'a signal': { write: (k) => k.answers('load A 4', '0'), reported: /a signal:6:.*expected +0.*got +SIGSEGV/s },
}

t.test("what is not the kernel's is reported", async (t) => {
  const machine = await bootScenarioMachine()
  t.teardown(() => machine.close())
  for (const [name, { write, reported }] of Object.entries(MISTAKES)) {
    machine.reset()
    const found = await differences(machine, name, (k) => {
      k.buffer('A', I(4))
      write(k)
    })
    t.match(found.join('\n'), reported, name)
  }
})
