/** Does each example do what its page says? Each has a script that ends with 0 only then; and the page names what the script runs. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CLI } from '../support/command.ts'

const EXAMPLES = fileURLToPath(new URL('../../../examples/', import.meta.url))
const names = readdirSync(EXAMPLES, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? [entry.name] : []))

t.test('all are in the list of the folder', (t) => {
  const list = readFileSync(join(EXAMPLES, 'README.md'), 'utf8')
  t.same(
    names.filter((name) => !list.includes(`[${name}](${name}/README.md)`)),
    [],
  )
  t.ok(names.length >= 5)
  t.end()
})

for (const name of names) {
  t.test(`${name}: its page, and its script to the end`, (t) => {
    t.ok(existsSync(join(EXAMPLES, name, 'README.md')))
    const { status, stdout, stderr } = spawnSync(join(EXAMPLES, name, 'run'), {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '', HMM: `${process.execPath} ${CLI}`, SCHEDULES: '100' },
    })
    t.equal(status, 0, `${stdout}\n${stderr}`)
    t.end()
  })
}

t.test('the job of the campaign: indexed, one index for each shard, and the environment that the script reads', (t) => {
  const job = readFileSync(join(EXAMPLES, 'campaign', 'job.yaml'), 'utf8')
  const script = readFileSync(join(EXAMPLES, 'campaign', 'shard'), 'utf8')
  t.match(job, /completionMode: Indexed/)
  const completions = /completions: (\d+)/.exec(job)?.[1]
  t.match(job, `name: SHARDS, value: "${completions}"`)
  for (const name of ['SHARDS', 'SCHEDULES', 'RESULTS']) {
    t.ok(job.includes(`name: ${name}`), name)
    t.ok(script.includes(name), name)
  }
  t.ok(script.includes('JOB_COMPLETION_INDEX'))
  t.end()
})
