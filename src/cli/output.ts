/**
 * Where words go: results to stdout, progress to stderr, documents to a file, whole or not at all.
 */
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { HmmError } from '../../shared/seam/error.ts'
import { writeWhole } from '../wholefile.ts'

/** Exit codes. Precedence: usage, then finding, then failure. */
export const EXIT = { clean: 0, finding: 1, usage: 2, failure: 3 } as const

/** Results of `option` go to this folder. Throws HMM_ERR_USAGE if there is none. */
export function mustBeFolder(option: string, folder: string): void {
  if (existsSync(folder)) return
  throw new HmmError('HMM_ERR_USAGE', `${option}: there is no folder ${folder}; make it first`)
}

export class Output {
  /** FILE of --json, `-` for stdout, undefined for none. */
  private readonly json: string | undefined
  private liveLine = false

  /** Throws HMM_ERR_USAGE for a file in a folder that is not there: better than after an hour of work. */
  constructor(json: string | undefined) {
    if (json !== undefined && json !== '-') mustBeFolder('--json', dirname(json))
    this.json = json
  }

  /** A line of the result for people; on stderr when stdout carries the document. */
  say(line: string): void {
    this.endLive()
    if (this.json === '-') process.stderr.write(`${line}\n`)
    else process.stdout.write(`${line}\n`)
  }

  /** A line of progress: repainted in place on a terminal, plain otherwise. */
  progress(line: string): void {
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[2K${line}`)
      this.liveLine = true
    } else {
      process.stderr.write(`${line}\n`)
    }
  }

  /** Writes the document. A file appears complete or not at all. */
  write(document: object): void {
    this.endLive()
    if (this.json === undefined) return
    const text = `${JSON.stringify(document, null, 2)}\n`
    if (this.json === '-') {
      process.stdout.write(text)
      return
    }
    writeWhole(this.json, text)
  }

  private endLive(): void {
    if (this.liveLine) process.stderr.write('\r\u001b[2K')
    this.liveLine = false
  }
}

/** Aborted at the first Ctrl-C; the second one ends the process at once. */
export function interruptSignal(): AbortSignal {
  const controller = new AbortController()
  process.once('SIGINT', () => {
    controller.abort()
    process.once('SIGINT', () => process.exit(EXIT.failure))
  })
  return controller.signal
}

/** Breaks a line at blanks so that none is wider; what is carried over stands deeper than the line began. */
export function wrapped(line: string, width: number): string[] {
  const lines: string[] = []
  const indent = ' '.repeat(line.length - line.trimStart().length + 4)
  let rest = line
  while (rest.length > width) {
    const at = rest.lastIndexOf(' ', width)
    if (rest.slice(0, at).trim() === '') break
    lines.push(rest.slice(0, at))
    rest = indent + rest.slice(at + 1)
  }
  return [...lines, rest]
}

/** 1234567 -> `1,234,567`. */
export function grouped(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

/** Nanoseconds in the unit people would choose. */
export function duration(ns: number): string {
  if (ns < 10_000) return `${(ns / 1e3).toFixed(1)} us`
  if (ns < 1e6) return `${Math.round(ns / 1e3)} us`
  return ns < 1e9 ? `${(ns / 1e6).toFixed(1)} ms` : `${(ns / 1e9).toFixed(2)} s`
}
