/**
 * Assembles the loops that are WebAssembly (shared/hmm/leafloops.wat) into a module of bytes that any host can import. First step of a
 * build.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import wabt from 'wabt'

const source = fileURLToPath(new URL('../shared/hmm/leafloops.wat', import.meta.url))
const target = fileURLToPath(new URL('../shared/hmm/leafbytes.ts', import.meta.url))

const features = { threads: true, simd: true }
const { parseWat } = await wabt()
const module = parseWat(source, readFileSync(source), features)
module.validate(features)
const { buffer } = module.toBinary({})
module.destroy()

const lines = []
for (let i = 0; i < buffer.length; i += 24) lines.push(`  ${Array.from(buffer.subarray(i, i + 24)).join(', ')},`)
writeFileSync(
  target,
  `/** The bytes of leafloops.wat. Made by src/assemble.mjs. */
// biome-ignore format: a table of bytes
export const LEAF_LOOPS = new Uint8Array([
${lines.join('\n')}
])
`,
)
