/** Does a trace say the same before and after it was written down? Both formats, packed and plain; and each bad line has its sentence. */
import { deepStrictEqual } from 'node:assert'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { TraceAccess, TraceOp } from '../../src/trace/access.ts'
import { TraceFile } from '../../src/trace/file.ts'

const OPS: readonly TraceOp[] = ['fetch', 'load', 'store', 'modify']
const LETTERS: Readonly<Record<TraceOp, string>> = { fetch: 'I ', load: ' L', store: ' S', modify: ' M' }

/** An access anywhere in 64 bits, and its address. */
const someAccess = fc
  .record({
    op: fc.constantFrom(...OPS),
    address: fc.oneof(fc.bigInt(0n, 2n ** 64n - 1n), fc.bigInt(0n, 2n ** 20n), fc.bigInt(2n ** 47n - 2n ** 20n, 2n ** 47n)),
    size: fc.integer({ min: 1, max: 4096 }),
  })
  .map(({ op, address, size }) => ({
    address,
    access: { op, page: Number(address >> 12n), offset: Number(address & 4095n), size } satisfies TraceAccess,
  }))

const someActor = fc.option(
  fc.record(
    { kind: fc.constantFrom('cpu' as const, 'dev' as const), index: fc.integer({ min: 0, max: 99 }) },
    { requiredKeys: ['kind'] },
  ),
  { nil: undefined },
)

/** All accesses of a trace. Reads it twice. */
async function read(name: string): Promise<TraceAccess[]> {
  const file = await TraceFile.open(name)
  const passes: TraceAccess[][] = [[], []]
  for (const accesses of passes) for await (const lines of file.pass()) accesses.push(...lines.map(({ access }) => access))
  deepStrictEqual(passes[0], passes[1])
  return passes[0] as TraceAccess[]
}

/** What a trace says of itself. */
async function kindOf(name: string) {
  const file = await TraceFile.open(name)
  const { format, namesActors, again } = file
  file.close()
  return { format, namesActors, again }
}

/** Writes `text`, packed or not, and returns the name of the file. */
function write(t: Test, text: string, packed = false): string {
  const file = join(t.testdir(), packed ? 'trace.gz' : 'trace')
  writeFileSync(file, packed ? gzipSync(text) : text)
  return file
}

/** What reading `text` is refused with. */
async function refusal(t: Test, text: string | Buffer, name = 'trace'): Promise<string> {
  const folder = t.testdir()
  writeFileSync(join(folder, name), text)
  try {
    await read(join(folder, name))
    return 'nothing'
  } catch (error) {
    return (error as Error).message.replace(`${folder}/`, '')
  }
}

t.test('lackey: what was written is what is read', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(someAccess, { minLength: 1, maxLength: 40 }),
      fc.boolean(),
      fc.boolean(),
      async (all, packed, cr) => {
        const lines = all.map(
          ({ address, access }) => `${LETTERS[access.op]} ${address.toString(16).padStart(8, '0')},${access.size}`,
        )
        const noise = ['==12== Lackey, an example Valgrind tool', '--12-- warning', '']
        const file = write(
          t,
          ['==12== Command: x', ...lines.flatMap((line, i) => [line, ...(i % 3 === 0 ? noise : [])])].join(cr ? '\r\n' : '\n'),
          packed,
        )
        t.same(await kindOf(file), { format: 'lackey', namesActors: false, again: true })
        t.same(
          await read(file),
          all.map(({ access }) => access),
        )
      },
    ),
    { seed: 1, numRuns: 30 },
  )
})

t.test('csv: what was written is what is read, in any order of columns', async (t) => {
  const columns = fc.shuffledSubarray(['op', 'address', 'size', 'actor'], { minLength: 4 })
  const row = fc.tuple(someAccess, someActor, fc.boolean())
  await fc.assert(
    fc.asyncProperty(columns, fc.array(row, { minLength: 1, maxLength: 40 }), async (order, rows) => {
      const named = rows.map(([one, actor, hex]) => ({ ...one, actor: actor ?? { kind: 'cpu' as const }, hex }))
      const text = named.map(({ address, access, actor, hex }) => {
        const fields: Record<string, string> = {
          op: access.op,
          address: hex ? `0x${address.toString(16)}` : address.toString(),
          size: `${access.size}`,
          actor: `${actor.kind}${actor.index ?? ''}`,
        }
        return order.map((column) => fields[column]).join(',')
      })
      const file = write(t, ['# made by hand', order.join(','), ...text, ''].join('\n'))
      t.same(await kindOf(file), { format: 'csv', namesActors: true, again: true })
      t.same(
        await read(file),
        named.map(({ access, actor }) => ({ ...access, actor })),
      )
    }),
    { seed: 1, numRuns: 30 },
  )
})

t.test('csv without actor and size: nobody in particular, four bytes', async (t) => {
  const file = write(t, 'address,op\n4097,L\n0x2000,M\n')
  t.same(await kindOf(file), { format: 'csv', namesActors: false, again: true })
  t.same(await read(file), [
    { op: 'load', page: 1, offset: 1, size: 4 },
    { op: 'modify', page: 2, offset: 0, size: 4 },
  ])
})

t.test('every bad line has one sentence, with file and line', async (t) => {
  const lackey = (line: string) => `==1== Lackey\n L 1000,4\n${line}\n L 1000,4\n`
  const csv = (line: string) => `actor,op,address,size\ncpu,load,0x1000,4\n${line}\n`
  const cases: [string, RegExp][] = [
    [lackey(' X 1000,4'), /^trace:3: " X 1000,4" is no access of lackey .* record with --log-file/],
    [lackey('hello from the program'), /^trace:3: "hello from the program" is no access/],
    [lackey(' L 1fff0'), /^trace:3: " L 1fff0" is no access/],
    [lackey(' L 1000,0'), /^trace:3: an access has 1 to 4096 bytes, not 0$/],
    [lackey(' L 1000,4097'), /^trace:3: an access has 1 to 4096 bytes, not 4097$/],
    [lackey(' L 12345678901234567,4'), /^trace:3: "12345678901234567" is no address of 64 bits$/],
    [csv('cpu,load,0x1000'), /^trace:3: the line has 3 fields, the header 4$/],
    [csv('cpu,read,0x1000,4'), /^trace:3: "read" is no operation; there are fetch, load, store and modify \(I, L, S, M\)$/],
    [csv('cpu,load,1000h,4'), /^trace:3: "1000h" is no address: 0x and hexadecimal digits, or decimal ones, of 64 bits$/],
    [csv('cpu,load,18446744073709551616,4'), /^trace:3: "18446744073709551616" is no address/],
    [csv('cpu,load,-1,4'), /^trace:3: "-1" is no address/],
    [csv('cpu,load,0x,4'), /^trace:3: "0x" is no address/],
    [csv('cpu,load,0x1000,'), /^trace:3: an access has 1 to 4096 bytes, not ""$/],
    [csv('gpu,load,0x1000,4'), /^trace:3: "gpu" is no actor: cpu or dev, with a number for a certain one$/],
    ['op,adress\n', /^trace:1: there is no column "adress"; there are actor, op, address, size$/],
    ['op,size\n', /^trace:1: the column address is missing$/],
    ['op,op,address\n', /^trace:1: the column op is there twice$/],
    [
      '\n\n{"a": 1}\n',
      /^trace:3: "{\\"a\\": 1}" is neither a line of Valgrind's lackey nor a header such as actor,op,address,size$/,
    ],
    [`==1== x\n L 1000,4\n${'x'.repeat(5000)}\n`, /^trace:3: the line has more than 1024 characters: this is no trace$/],
    ['x'.repeat(200_000), /^trace:1: the line has more than 1024 characters: this is no trace$/],
  ]
  for (const [text, expected] of cases) t.match(await refusal(t, text), expected)
})

t.test('what is no text, no file, or cut off', async (t) => {
  const packed = gzipSync(' L 1000,4\n'.repeat(100_000))
  t.match(
    await refusal(t, packed.subarray(0, packed.length - 20), 'cut.gz'),
    /^cut\.gz: cannot be unpacked: unexpected end of file$/,
  )
  t.match(await refusal(t, ' L 1000,4\n', 'plain.gz'), /^plain\.gz: cannot be unpacked: incorrect header check$/)
  t.match(await refusal(t, packed, 'packed'), /^packed:1: /, 'the name says whether it is packed')
  await t.rejects(read(join(t.testdir(), 'none')), { code: 'HMM_ERR_INPUT', message: /none: cannot be read: ENOENT/ })
  await t.rejects(read(t.testdir()), { code: 'HMM_ERR_INPUT', message: /: cannot be read: EISDIR/ })
  await t.rejects(TraceFile.open(write(t, '==1== Lackey\n')), {
    code: 'HMM_ERR_INPUT',
    message: /trace: the trace has no accesses$/,
  })
  await t.rejects(TraceFile.open(write(t, 'op,address\n')), { message: /the trace has no accesses$/ })
  await t.rejects(TraceFile.open(write(t, '')), { message: /the trace has no accesses$/ })
})

t.test('a pipe is read as it comes, once; closing it ends a read that waits', async (t) => {
  const name = join(t.testdir(), 'pipe')
  execFileSync('sh', ['-c', `mkfifo ${name}`])
  const writer = spawn('sh', ['-c', `exec > ${name}; printf ' L 1000,4\\n'; printf ' S 2000,4\\n'; exec sleep 60`], {
    stdio: 'ignore',
  })
  const file = await TraceFile.open(name)
  t.equal(file.again, false)
  const seen: number[] = []
  try {
    for await (const lines of file.pass()) {
      seen.push(...lines.map(({ access }) => access.page))
      if (seen.length === 2) setTimeout(() => file.close(), 20)
    }
    t.fail('the writer never closed it')
  } catch (error) {
    t.match(error, { code: 'HMM_ERR_INPUT' })
  }
  t.same(seen, [1, 2])
  writer.kill()
  await once(writer, 'close')
})

t.test('any bytes at all are a trace or one sentence', async (t) => {
  const sentence = /^[^\n]*trace(:\d+)?: [^\n]+$/
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 3000 }), async (bytes) => {
      const answer = await refusal(t, Buffer.from(bytes))
      return answer === 'nothing' || sentence.test(answer)
    }),
    { seed: 1, numRuns: 60 },
  )
})
