/** Does the runtime answer as a real Linux 6.12 kernel did? Every recorded scenario, with both ways of notification. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { difference } from '../../src/cli/run.ts'
import { run } from '../../src/run.ts'

const folder = fileURLToPath(new URL('../../../test/conformance', import.meta.url))
const exceptions = [...readFileSync(join(folder, 'exceptions.md'), 'utf8').matchAll(/^\| (\w+\/[\w-]+\.scn) \|/gm)].map(
  ([, name]) => name as string,
)

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`recorded scenarios, callbacks by ${notify}`, async (t) => {
    const result = await run([folder], { notify })
    const failing = result.files.filter(({ ok }) => !ok)
    const excepted = (file: string) => exceptions.some((name) => file.endsWith(name))
    t.same(failing.filter(({ file }) => !excepted(file)).flatMap(difference), [])
    t.equal(failing.length, exceptions.length, 'what is excepted does differ')
    const basic = result.folders.find(({ name }) => name === 'basic')
    t.ok((basic?.passed ?? 0) >= 12, `${basic?.passed} of basic/ pass`)
    t.comment(result.folders.map(({ name, passed, skipped }) => `${name}: ${passed} passed, ${skipped} skipped`).join('; '))
  })
}
