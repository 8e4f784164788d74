/**
 * The project's own format: CSV with a header, one access a line, no quotes. docs/traces.md describes it.
 *
 *   actor,op,address,size       columns in any order; `op` and `address` must be there
 *   cpu0,load,0x7ffe1230,8
 *   dev1,store,140728898421312,4
 */
import { MAX_ACCESS_BYTES, parseAddress, parseSize, type TraceAccess, type TraceActor, type TraceOp } from './access.ts'

const COLUMNS = ['actor', 'op', 'address', 'size'] as const
type Column = (typeof COLUMNS)[number]

const OPS: Readonly<Record<string, TraceOp>> = {
  fetch: 'fetch',
  load: 'load',
  store: 'store',
  modify: 'modify',
  I: 'fetch',
  L: 'load',
  S: 'store',
  M: 'modify',
}

/** Bytes of an access where no column says it. */
const DEFAULT_SIZE = 4

/** Places of the columns in a line. */
export interface CsvHeader {
  readonly columns: number
  readonly at: Readonly<Partial<Record<Column, number>>>
}

/** Could `line` be a header? Names alone: no digit and no blank, so that it is no access of any format. */
export function isCsvHeader(line: string): boolean {
  return /^[A-Za-z_]+(,[A-Za-z_]+)*$/.test(line)
}

/** Reads a header, or says in a sentence what is wrong with it. */
export function parseCsvHeader(line: string): CsvHeader | string {
  const names = line.split(',')
  const at: Partial<Record<Column, number>> = {}
  for (const [i, name] of names.entries()) {
    const column = COLUMNS.find((one) => one === name)
    if (column === undefined) return `there is no column ${JSON.stringify(name)}; there are ${COLUMNS.join(', ')}`
    if (at[column] !== undefined) return `the column ${name} is there twice`
    at[column] = i
  }
  for (const column of ['op', 'address'] as const) if (at[column] === undefined) return `the column ${column} is missing`
  return { columns: names.length, at }
}

/** The access of a line, null for an empty one or a comment (`#`), or a sentence about what is wrong with it. */
export function parseCsv({ columns, at }: CsvHeader, line: string): TraceAccess | null | string {
  if (line === '' || line.startsWith('#')) return null
  const fields = line.split(',')
  if (fields.length !== columns) return `the line has ${fields.length} fields, the header ${columns}`
  const text = (column: Column) => fields[at[column] as number]?.trim() ?? ''
  const op = Object.hasOwn(OPS, text('op')) ? OPS[text('op')] : undefined
  if (op === undefined)
    return `${JSON.stringify(text('op'))} is no operation; there are fetch, load, store and modify (I, L, S, M)`
  const address = parseAddress(text('address'))
  if (address === null)
    return `${JSON.stringify(text('address'))} is no address: 0x and hexadecimal digits, or decimal ones, of 64 bits`
  const size = at.size === undefined ? DEFAULT_SIZE : parseSize(text('size'))
  if (size === null) return `an access has 1 to ${MAX_ACCESS_BYTES} bytes, not ${JSON.stringify(text('size'))}`
  if (at.actor === undefined) return { op, ...address, size }
  const actor = parseActor(text('actor'))
  if (actor === null) return `${JSON.stringify(text('actor'))} is no actor: cpu or dev, with a number for a certain one`
  return { op, ...address, size, actor }
}

function parseActor(text: string): TraceActor | null {
  const match = /^(cpu|dev)([0-9]{1,2})?$/.exec(text)
  if (match === null) return null
  const kind = match[1] as TraceActor['kind']
  return match[2] === undefined ? { kind } : { kind, index: Number(match[2]) }
}
