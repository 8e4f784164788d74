/** `hmm new`: a driver to start from, and what to type next. */
import { newDriver } from '../newdriver.ts'
import { EXIT } from './output.ts'

export interface NewFlags {
  readonly out: string
}

export function newVerb(name: string, { out }: NewFlags): number {
  const { folder, files } = newDriver(name, { out })
  const width = Math.max(...files.map((file) => file.length))
  const lines = [
    `wrote ${folder}`,
    ...files.map((file) => `  ${file.padEnd(width)}  ${whatIs(file)}`),
    'next:',
    `  cd ${folder} && npm install && npm test`,
    `  npx hmm explore ${name}.scn`,
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return EXIT.clean
}

function whatIs(file: string): string {
  if (file.endsWith('.scn')) return 'a scenario that meets it in the middle of its work'
  if (file.endsWith('.test.js')) return 'its test: the contract, and the scenario'
  return file === 'package.json' ? 'npm test runs the test' : 'the driver, working, with each rule and its reason'
}
