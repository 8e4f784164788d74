/**
 * A trace file, read as a stream: of any size, packed or not, never more than a chunk of it in memory. The first line that says
 * something says which format it has. Every mistake is one sentence with file and line (InputError).
 */
import { createReadStream, fstatSync, open } from 'node:fs'
import { Socket } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import { InputError } from '../scenario/error.ts'
import type { TraceAccess } from './access.ts'
import { isCsvHeader, parseCsv, parseCsvHeader } from './csv.ts'
import { isLackey, parseLackey } from './lackey.ts'

export type TraceFormat = 'lackey' | 'csv'

/** A line of a trace has some tens of characters. What has more is no trace, and must not fill the memory. */
const MAX_LINE = 1024
const CHUNK_BYTES = 64 * 1024

/** An access, and where it stands. */
export interface TraceLine {
  readonly line: number
  readonly access: TraceAccess
}

type LineParser = (line: string) => TraceAccess | null | string

/** The format of a trace, and how its lines are read, once its first line is known. */
class Format {
  name: TraceFormat | null = null
  namesActors = false
  private parse: LineParser | null = null

  /** The access of a line, null for none, or a sentence about what is wrong. */
  read(line: string): TraceAccess | null | string {
    if (this.parse !== null) return this.parse(line)
    if (line === '' || line.startsWith('#')) return null
    if (isLackey(line)) {
      this.name = 'lackey'
      this.parse = parseLackey
      return parseLackey(line)
    }
    if (!isCsvHeader(line))
      return `${shown(line)} is neither a line of Valgrind's lackey nor a header such as actor,op,address,size`
    const header = parseCsvHeader(line)
    if (typeof header === 'string') return header
    this.name = 'csv'
    this.namesActors = header.at.actor !== undefined
    this.parse = (row) => parseCsv(header, row)
    return null
  }
}

function shown(line: string): string {
  return JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}...` : line)
}

/** A trace that is being read. Its first access is there before anything else is done with it. */
export class TraceFile {
  readonly name: string
  readonly format: TraceFormat
  /** Its lines say who makes the access. */
  readonly namesActors: boolean
  /** It can be read more than once: it is a file, and no pipe. */
  readonly again: boolean
  private reader: LineReader
  /** The accesses that opening it has already read; null once they were given out. */
  private first: readonly TraceLine[] | null

  private constructor(name: string, again: boolean, reader: LineReader, first: readonly TraceLine[]) {
    this.name = name
    this.format = reader.format.name as TraceFormat
    this.namesActors = reader.format.namesActors
    this.again = again
    this.reader = reader
    this.first = first
  }

  /** Opens `name` and reads as far as the first access. Throws InputError for what is no trace, or has no access. Close it. */
  static async open(name: string): Promise<TraceFile> {
    const { reader, again } = await startReading(name)
    try {
      const { done, value } = await reader.lines.next()
      if (done === true) throw new InputError(name, 0, 'the trace has no accesses')
      return new TraceFile(name, again, reader, value)
    } catch (error) {
      reader.stream.destroy()
      throw error
    }
  }

  /** All accesses, some at a time, once: the next call reads them again. Throws InputError, and also when it is closed meanwhile. */
  async *pass(): AsyncGenerator<readonly TraceLine[]> {
    if (this.first === null) this.reader = (await startReading(this.name)).reader
    else yield this.first
    this.first = null
    yield* this.reader.lines
  }

  /** Ends the reading, at once, wherever it is. */
  close(): void {
    this.reader.stream.destroy()
  }
}

interface LineReader {
  readonly format: Format
  readonly stream: Readable
  readonly lines: AsyncGenerator<readonly TraceLine[]>
}

async function startReading(file: string): Promise<{ reader: LineReader; again: boolean }> {
  const format = new Format()
  const { stream, again } = await openStream(file)
  return { reader: { format, stream, lines: linesOf(file, format, stream) }, again }
}

async function* linesOf(file: string, format: Format, stream: Readable): AsyncGenerator<readonly TraceLine[]> {
  let rest = ''
  let number = 0
  const parse = (text: string): TraceLine | null => {
    const line = text.endsWith('\r') ? text.slice(0, -1) : text
    number++
    if (line.length > MAX_LINE) throw tooLong(file, number)
    const access = format.read(line)
    if (typeof access === 'string') throw new InputError(file, number, access)
    return access === null ? null : { line: number, access }
  }
  for await (const text of textOf(file, stream)) {
    const lines = (rest + text).split('\n')
    rest = lines.pop() as string
    if (rest.length > MAX_LINE) throw tooLong(file, number + lines.length + 1)
    const accesses = lines.map(parse).filter((one) => one !== null)
    if (accesses.length > 0) yield accesses
  }
  const last = rest === '' ? null : parse(rest)
  if (last !== null) yield [last]
}

function tooLong(file: string, line: number): InputError {
  return new InputError(file, line, `the line has more than ${MAX_LINE} characters: this is no trace`)
}

/** The text of a stream, chunk by chunk, one character a byte. */
async function* textOf(file: string, stream: Readable): AsyncGenerator<string> {
  try {
    for await (const chunk of stream) yield (chunk as Buffer).toString('latin1')
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(file: string, error: unknown): InputError {
  const { code, message } = error as NodeJS.ErrnoException
  return new InputError(file, 0, `${code?.startsWith('Z_') === true ? 'cannot be unpacked' : 'cannot be read'}: ${message}`)
}

/** The bytes of a file or pipe, unpacked when its name ends in `.gz`. Throws InputError. */
async function openStream(file: string): Promise<{ stream: Readable; again: boolean }> {
  try {
    const fd = await promisify(open)(file, 'r') // of a pipe: once somebody writes to it
    const info = fstatSync(fd)
    // A pipe as a socket: a read that waits for the writer can be given up.
    const bytes = info.isFIFO()
      ? new Socket({ fd, readable: true, writable: false })
      : createReadStream(file, { fd, highWaterMark: CHUNK_BYTES })
    // The error of either stream comes out of the loop that reads them.
    const stream = file.endsWith('.gz') ? pipeline(bytes, createGunzip({ chunkSize: CHUNK_BYTES }), () => {}) : bytes
    return { stream, again: info.isFile() }
  } catch (error) {
    throw unreadable(file, error)
  }
}
