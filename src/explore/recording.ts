/**
 * Recordings: all that is needed to run one schedule again, as a file or as a token to paste. A recording names the build and the
 * driver that it was made with; with another one the schedule would mean something else, and replay says so.
 */
import { createHash, type Hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, brotliDecompressSync } from 'node:zlib'
import { z } from 'zod'
import { MOST_STEPS } from '../../shared/sched/limits.ts'
import { MAX_REPLAY } from '../../shared/sched/replay.ts'
import { MAX_CONTROLLED } from '../../shared/seam/control.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { version } from '../version.ts'

/** A scenario longer than this is not in its token: it has to be given again. */
const INLINE_BYTES = 2048
const TOKEN = 'hmm1_'

const segment = z.tuple([
  z.number().int().min(0).max(MAX_CONTROLLED),
  z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1),
])

const step = z.number().int().min(1).max(MOST_STEPS)

const recordingSchema = z.object({
  schema: z.literal('hmm-runtime/replay/1'),
  version: z.string(),
  /** Hash of shared/ and of the drivers or the module under exploration. */
  build: z.string(),
  subject: z.discriminatedUnion('kind', [
    z.object({
      kind: z.literal('scenario'),
      /** Where it came from: drivers named by a path are looked for beside it. */
      file: z.string(),
      hash: z.string(),
      text: z.string().optional(),
      /** Drivers put in the place of families. */
      drivers: z.record(z.string(), z.string()),
    }),
    z.object({
      kind: z.literal('actors'),
      module: z.string(),
      threads: z.array(z.string()).min(1).max(16),
      setup: z.string().optional(),
      check: z.string().optional(),
      words: z.number().int().nonnegative(),
    }),
  ]),
  /** A known race that was put in. */
  bug: z.string().optional(),
  oracle: z.string().nullable(),
  number: z.number().int().min(-1),
  /** From which step on it is fair, and at which it is cut off (sched/limits.ts). */
  limits: z.object({ fairFrom: step, steps: step }),
  /** Hash of the trace up to the finding. */
  trace: z.string(),
  schedule: z.array(segment).max(MAX_REPLAY),
})

/** A recorded schedule: what a replay file and a token hold. */
export type Recording = z.infer<typeof recordingSchema>

/** The text of a replay file. */
export function toFile(recording: Recording): string {
  return `${JSON.stringify(recording, null, 1)}\n`
}

/** A token: the recording, without the text of a long scenario. */
export function toToken(recording: Recording): string {
  const { subject } = recording
  const long = subject.kind === 'scenario' && (subject.text?.length ?? 0) > INLINE_BYTES
  const { text: _text, ...rest } = subject as Extract<Recording['subject'], { kind: 'scenario' }>
  const short = long ? { ...recording, subject: rest } : recording
  return TOKEN + brotliCompressSync(JSON.stringify(short)).toString('base64url')
}

/** Reads a token, or the replay file of that name. Throws HmmError with one sentence. */
export function readRecording(fileOrToken: string): Recording {
  let text: string
  try {
    text = fileOrToken.startsWith(TOKEN)
      ? brotliDecompressSync(Buffer.from(fileOrToken.slice(TOKEN.length), 'base64url'), { maxOutputLength: 2 ** 20 }).toString()
      : readFileSync(fileOrToken, 'utf8')
  } catch {
    throw new HmmError('HMM_ERR_INPUT', `this is neither a token nor a replay file that can be read: ${fileOrToken.slice(0, 60)}`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new HmmError('HMM_ERR_INPUT', 'this is no replay file: it is not JSON')
  }
  const parsed = recordingSchema.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new HmmError('HMM_ERR_INPUT', `this is no replay file: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}

export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** Hash of the protocol's code as it runs here, and of the modules at `urls`. */
export function buildHash(urls: readonly string[]): string {
  coreHash ??= hashOfCore()
  const hash = coreHash.copy()
  for (const url of urls) if (url.startsWith('file:')) hash.update(readFileSync(fileURLToPath(url)))
  return hash.digest('hex').slice(0, 16)
}

/** Read once: what runs is what was there when this process began. */
let coreHash: Hash | undefined

function hashOfCore(): Hash {
  const hash = createHash('sha256').update(version())
  const shared = join(dirname(fileURLToPath(import.meta.url)), '../../shared')
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const files = readdirSync(shared, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith(extension))
  for (const file of files.sort()) hash.update(file).update(readFileSync(join(shared, file)))
  return hash
}
