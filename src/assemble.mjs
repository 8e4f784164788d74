/**
 * Compiles what is WebAssembly (shared/hmm/module, AssemblyScript) into bytes that any host can import. First step of a build. Where the
 * module finds the words of a record it is told by the rooms themselves: shared/hmm/modulelayout.ts, written out as a file of constants.
 *
 * There are two forms: the one that is used, and one in which every atomic is a schedule point, for exploring it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'
import { build } from 'esbuild'

const room = new URL('../shared/hmm/', import.meta.url)
const sources = fileURLToPath(new URL('module/', room))

const { outputFiles } = await build({
  entryPoints: [fileURLToPath(new URL('modulelayout.ts', room))],
  bundle: true,
  format: 'esm',
  platform: 'node',
  write: false,
})
const { MODULE_LAYOUT } = await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0].contents).toString('base64')}`)

function layout(explored) {
  const constants = Object.entries(MODULE_LAYOUT).map(([name, value]) => {
    if (!Number.isInteger(value)) throw new Error(`${name} of the module's layout is ${value}, which is no integer`)
    return `export const ${name}: i32 = ${value}\n`
  })
  return `/** Where the module finds things. Made by src/assemble.mjs from shared/hmm/modulelayout.ts. */\n${constants.join('')}export const EXPLORED: bool = ${explored}\n`
}

async function compile(explored) {
  let bytes
  const host = {
    readFile(name) {
      if (name === 'layout.ts') return layout(explored)
      try {
        return readFileSync(`${sources}${name}`, 'utf8')
      } catch {
        return null
      }
    },
    writeFile(name, contents) {
      if (name === 'module.wasm') bytes = contents
    },
    listFiles: () => [],
  }
  const options = ['--importMemory', '--sharedMemory', '--initialMemory', '1', '--maximumMemory', '65536', '--runtime', 'stub']
  const target = ['--enable', 'threads', '--enable', 'simd', '-O3', '--noAssert', '--use', 'abort=', '--outFile', 'module.wasm']
  const { error, stderr } = await asc.main(['pass.ts', ...options, ...target], host)
  if (error !== null || bytes === undefined) throw new Error(`shared/hmm/module does not compile:\n${stderr.toString()}`)
  refuseStaticData(bytes)
  return bytes
}

/** The memory is a machine's: what would be written into it when the module is instantiated would be written over its superblock. */
const WRITES_WHEN_INSTANTIATED = [8, 11, 12] // start, data, count of data

function refuseStaticData(bytes) {
  let at = 8
  while (at < bytes.length) {
    if (WRITES_WHEN_INSTANTIATED.includes(bytes[at])) throw new Error('shared/hmm/module has static data, or a start function')
    let size = 0
    let shift = 0
    do {
      at++
      size += (bytes[at] & 0x7f) * 2 ** shift
      shift += 7
    } while (bytes[at] >= 0x80)
    at += 1 + size
  }
}

function table(name, meaning, bytes) {
  const lines = []
  for (let i = 0; i < bytes.length; i += 24) lines.push(`  ${Array.from(bytes.subarray(i, i + 24)).join(', ')},`)
  return `/** ${meaning} */\n// biome-ignore format: a table of bytes\nexport const ${name} = new Uint8Array([\n${lines.join('\n')}\n])\n`
}

mkdirSync(sources, { recursive: true })
writeFileSync(`${sources}layout.ts`, layout(false)) // for editors
writeFileSync(
  fileURLToPath(new URL('modulebytes.ts', room)),
  `/** The bytes of shared/hmm/module. Made by src/assemble.mjs. */\n${table('MODULE', 'As it is used.', await compile(false))}\n${table(
    'EXPLORED_MODULE',
    'With a schedule point in front of every atomic.',
    await compile(true),
  )}`,
)
