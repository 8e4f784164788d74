/** Do cpus and devices make the accesses of a real program, all of them, under all oracles? And do the oracles see what goes wrong then? */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { stressDocument } from '../../src/documents.ts'
import { type StressResult, stress } from '../../src/stress.ts'
import type { TraceResult } from '../../src/trace/feeder.ts'
import { TraceFile } from '../../src/trace/file.ts'

const SHIPPED = fileURLToPath(new URL('../../../traces/sort.lackey.gz', import.meta.url))
const FAULTY = fileURLToPath(new URL('../drivers/defers-the-invalidation.js', import.meta.url))

/** What became of the trace of a run. */
function traceOf({ trace }: StressResult): TraceResult {
  if (trace === undefined) throw new Error('this run had no trace')
  return trace
}

/** Accesses dealt out. */
function dealt({ fetches, loads, stores, modifies }: TraceResult): number {
  return fetches + loads + stores + modifies
}

/** Accesses that somebody made, or was refused. */
function made({ cpu_accesses, device_accesses, refused }: TraceResult): number {
  return cpu_accesses + device_accesses + refused
}

t.test(
  'the shipped trace on svm*2 with half the memory that it needs: all is done, pages come and go, nothing is lost',
  async (t) => {
    const result = await stress({ trace: { file: SHIPPED }, devices: ['svm', 'svm'], noise: 0, seed: 3, systemPages: 100 })
    t.same(result.violations, [])
    const trace = traceOf(result)
    let crossing = 0
    let accesses = 0
    const pages = new Set<number>()
    for await (const lines of (await TraceFile.open(SHIPPED)).pass()) {
      for (const { access } of lines) {
        accesses++
        pages.add(access.page)
        if (access.offset + access.size <= 4096) continue
        crossing++
        pages.add(access.page + 1)
      }
    }
    t.equal(dealt(trace), accesses + crossing)
    t.equal(made(trace), dealt(trace))
    t.equal(trace.pages, pages.size)
    t.match(trace, { format: 'lackey', complete: true, passes: 1, device_share: 0.5, refused: 0 })
    const data = trace.loads + trace.stores + trace.modifies
    t.ok(Math.abs(trace.device_accesses - data / 2) < 200, `devices made ${trace.device_accesses} of ${data}`)
    t.ok(result.faults > 100, `${result.faults} device faults`)
    t.ok(result.put_out >= pages.size - 100, `${result.put_out} pages were put out`)
    t.equal(result.interrupted, false)
  },
)

t.test('a driver that stops its device only after the callback is found', async (t) => {
  const trace = { file: SHIPPED, repeat: 20 }
  const result = await stress({ trace, devices: [FAULTY, FAULTY], reclaimers: 1, seconds: 60 })
  t.match(result.violations[0]?.oracle, /^(PG|PERM)$/)
  t.equal(result.aftermath, undefined, 'the areas of a trace are in no scenario')
})

/** A trace of our own format. */
function csv(folder: string, lines: readonly string[]): string {
  const file = join(folder, 'made.csv')
  writeFileSync(file, `actor,op,address,size\n${lines.join('\n')}\n`)
  return file
}

t.test('a trace that names actors: each access is made by the one it names', async (t) => {
  const lines = Array.from({ length: 300 }, (_, i) => [
    `cpu1,store,0x${(0x400000 + (i % 7) * 4096).toString(16)},8`,
    `dev0,modify,0x${(0x7ffff7dd0000 + (i % 5) * 4096).toString(16)},4`,
  ]).flat()
  const file = csv(t.testdir(), [...lines, 'cpu0,load,0x400ffe,4'])
  const result = await stress({ trace: { file, repeat: 2 }, devices: ['svm'], noise: 0 })
  t.same(result.violations, [])
  t.match(traceOf(result), {
    ...{ stores: 600, modifies: 600, loads: 4, fetches: 0, cpu_accesses: 604, device_accesses: 600 },
    ...{ pages: 12, areas: 2, passes: 2, complete: true },
  })
  t.equal(traceOf(result).device_share, undefined, 'nobody chose')
  const frame = { schema: 'hmm-runtime/stress/1', ok: true, verb: 'stress', version: '0' }
  t.same(stressDocument.parse({ ...frame, ...result }).trace, result.trace, 'and --json has it all')
})

t.test('a device that raises no faults makes no accesses: the cpus make them all', async (t) => {
  const file = csv(t.testdir(), ['cpu,load,0x1000,4'])
  await t.rejects(stress({ trace: { file, deviceShare: 0.5 }, devices: ['mirror'] }), {
    code: 'HMM_ERR_INPUT',
    message: /the trace says who makes each access/,
  })
  const plain = join(t.testdir(), 'plain.csv')
  writeFileSync(plain, `op,address\n${'store,0x1000\n'.repeat(500)}`)
  const result = await stress({ trace: { file: plain }, devices: ['mirror'], noise: 0 })
  t.same(result.violations, [])
  t.match(traceOf(result), { cpu_accesses: 500, device_accesses: 0, complete: true })
  await t.rejects(stress({ trace: { file: plain, deviceShare: 0.1 }, devices: ['mirror'] }), { code: 'HMM_ERR_USAGE' })
})

t.test('a trace of any length: it is read as it is used, and given up when the time is over', async (t) => {
  const folder = t.testdir()
  const file = join(folder, 'long.gz')
  // 40 million accesses, 400 MB unpacked: one packed member after the other is one packed file.
  const member = gzipSync(
    Array.from({ length: 100_000 }, (_, i) => ` L ${(0x400000 + (i % 4096) * 8).toString(16)},8\n`).join(''),
  )
  writeFileSync(file, Buffer.concat(new Array<Buffer>(400).fill(member)))
  const before = process.memoryUsage.rss()
  let most = 0
  const result = await stress({
    trace: { file },
    seconds: 1.5,
    noise: 0,
    onProgress: () => {
      most = Math.max(most, process.memoryUsage.rss())
    },
  })
  t.same(result.violations, [])
  const trace = traceOf(result)
  t.match(trace, { complete: false, passes: 0, pages: 8, areas: 1 })
  t.equal(result.interrupted, false, 'to be given a time is not to be interrupted')
  t.ok(made(trace) > 1_000 && dealt(trace) - made(trace) < 32 * 64 * 5, `${made(trace)} made of ${dealt(trace)} dealt out`)
  // The machine alone has 64 MiB and seven workers; the text would be 400 MB.
  t.ok(most > 0 && most - before < 300e6, `${Math.round((most - before) / 1e6)} MB more`)
})

t.test('memory that is out refuses accesses, and says so', async (t) => {
  const file = csv(
    t.testdir(),
    Array.from({ length: 3000 }, (_, i) => `${i % 2 === 0 ? 'cpu' : 'dev'},store,${i * 4096},4`),
  )
  const result = await stress({ trace: { file }, devices: ['svm'], bytes: 6 * 2 ** 20, noise: 0 })
  t.same(result.violations, [])
  const trace = traceOf(result)
  t.equal(made(trace), 3000)
  t.ok(trace.refused > 100 && trace.cpu_accesses > 100, `${trace.refused} refused`)
})
