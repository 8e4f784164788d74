/** `hmm new`: a driver to start from, and what to type next. */
import { newDriver } from '../newdriver.ts'
import { EXIT } from './output.ts'

export interface NewFlags {
  readonly out: string
  readonly lesson?: boolean
}

export function newVerb(name: string, { out, lesson = false }: NewFlags): number {
  const { folder, files } = newDriver(name, { out, lesson })
  const width = Math.max(...files.map((file) => file.length))
  const lines = [
    `wrote ${folder}`,
    ...files.map((file) => `  ${file.padEnd(width)}  ${whatIs(file, lesson)}`),
    'next:',
    `  cd ${folder} && npm install${lesson ? '' : ' && npm test'}`,
    `  npx hmm explore ${name}.scn`,
    ...(lesson
      ? ['It finds the mistake. Mend driver.js until the same line is clean; LESSON.md has a hint, then the solution.']
      : []),
  ]
  process.stdout.write(`${lines.join('\n')}\n`)
  return EXIT.clean
}

function whatIs(file: string, lesson: boolean): string {
  if (file.endsWith('.scn')) return 'a scenario that meets it in the middle of its work'
  if (file.endsWith('.test.js')) return 'its test: the contract, and the scenario'
  if (file === 'LESSON.md') return 'what to do, a hint, and the solution'
  if (file === 'README.md') return 'what to type'
  if (file === 'package.json') return 'npm test runs the test'
  return lesson ? 'the driver, with one mistake' : 'the driver, working, with each rule and its reason'
}
