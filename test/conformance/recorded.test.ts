/** Does the runtime answer as a real Linux 6.12 kernel did? Every recorded scenario, with both ways of notification. */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { difference } from '../../src/cli/run.ts'
import { run } from '../../src/run.ts'

const folder = fileURLToPath(new URL('../../../test/conformance', import.meta.url))

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`recorded scenarios, callbacks by ${notify}`, async (t) => {
    const result = await run([folder], { notify })
    t.same(result.files.filter(({ ok }) => !ok).flatMap(difference), [])
    const basic = result.folders.find(({ name }) => name === 'basic')
    t.ok((basic?.passed ?? 0) >= 12, `${basic?.passed} of basic/ pass`)
    t.comment(result.folders.map(({ name, passed, skipped }) => `${name}: ${passed} passed, ${skipped} skipped`).join('; '))
  })
}
