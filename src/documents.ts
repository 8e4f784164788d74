/**
 * The documents that `--json` writes: their schemas, and the types that follow from them. Every document has the same frame;
 * latencies are integer nanoseconds.
 */
import { z } from 'zod'
import { benchDocument } from './bench/document.ts'
import { tableSchema } from './bugtable/document.ts'
import { doctorDocument } from './doctor/document.ts'
import { frame, natural } from './frame.ts'
import { version } from './version.ts'

const violation = z.object({
  oracle: z.string(),
  message: z.string(),
  actor: z.string().optional(),
  device: natural.optional(),
  page: natural.optional(),
  operations: z.array(z.string()).optional(),
})

const latency = z.object({ count: natural, p50_ns: natural, p90_ns: natural, p99_ns: natural, p999_ns: natural, max_ns: natural })

const sample = z.object({
  seconds: z.number().nonnegative(),
  operations: natural,
  faults: natural,
  retries: natural,
  invalidations: natural,
})

const locks = z.object({
  order: z.array(z.object({ held: z.string(), taken: z.string() })),
  times: z.array(
    z.object({
      name: z.string(),
      taken: natural,
      wait_ns: natural,
      wait_max_ns: natural,
      hold_ns: natural,
      hold_max_ns: natural,
    }),
  ),
})

export const runDocument = z.object({
  ...frame,
  verb: z.literal('run'),
  notify: z.enum(['dispatcher', 'inline']),
  era: z.string(),
  engines: natural,
  seed: z.number().int(),
  seconds: z.number().nonnegative(),
  interrupted: z.boolean(),
  passed: natural,
  failed: natural,
  skipped: natural,
  folders: z.array(z.object({ name: z.string(), passed: natural, failed: natural, skipped: natural })),
  skip_reasons: z.array(z.object({ reason: z.string(), files: natural })),
  files: z.array(
    z.object({
      file: z.string(),
      ok: z.boolean(),
      skipped: z.string().optional(),
      line: natural.optional(),
      operation: z.string().optional(),
      expected: z.string().optional(),
      got: z.string().optional(),
      before: z.array(z.string()).optional(),
      audit: z.array(z.string()).optional(),
    }),
  ),
})

export const stressDocument = z.object({
  ...frame,
  verb: z.literal('stress'),
  profile: z.string(),
  trace: z
    .object({
      file: z.string(),
      format: z.string(),
      device_share: z.number().min(0).max(1).optional(),
      passes: natural,
      complete: z.boolean(),
      fetches: natural,
      loads: natural,
      stores: natural,
      modifies: natural,
      pages: natural,
      areas: natural,
      cpu_accesses: natural,
      device_accesses: natural,
      refused: natural,
      cpu_faults: natural,
    })
    .optional(),
  era: z.string(),
  mirror_reclaim: z.string(),
  seed: z.number().int(),
  seconds: z.number().nonnegative(),
  cpus: natural,
  devices: z.array(z.string()),
  device_memory: natural,
  policy: z.string(),
  operations: natural,
  faults: natural,
  retries: natural,
  retries_by_others: natural,
  longest_retry_chain: natural,
  invalidations: natural,
  migrations: natural,
  prefetched: natural,
  evictions: natural,
  throttled: natural,
  pinned: natural,
  exclusives: natural,
  failed_copies: natural,
  second_passes: natural,
  overlapped_passes: natural,
  mirror_directories: natural,
  put_out: natural,
  moved: natural,
  reaps: natural,
  reaps_refused: natural,
  direct_reclaims: natural,
  jobs: natural,
  jobs_failed: natural,
  close_calls: z.record(z.string(), natural),
  latency: z.record(z.string(), latency),
  retry_causes: z.record(z.string(), natural).optional(),
  samples: z.array(sample).optional(),
  locks: locks.optional(),
  violations: z.array(violation),
  aftermath: z.object({ scenario: z.string(), device: natural }).optional(),
  trace_out: z.object({ file: z.string(), events: natural, arrows: natural, dropped: z.record(z.string(), natural) }).optional(),
  interrupted: z.boolean(),
})

export const exploreDocument = z.object({
  ...frame,
  verb: z.literal('explore'),
  campaign: z.string(),
  shards: z.object({
    of: z.number().int().positive(),
    parts: z.array(z.number().int().positive()),
    unfinished: z.array(z.number().int().positive()),
  }),
  scenarios: z.array(
    z.object({
      file: z.string(),
      name: z.string(),
      subject: natural,
      strategy: z.string(),
      seed: z.number().int(),
      depth: natural.optional(),
      schedules: natural,
      complete: z.boolean(),
      interrupted: z.boolean(),
      steps: natural,
      switches: natural,
      close_calls: natural,
      depth_reached: natural,
      seconds: z.number().nonnegative(),
      schedules_per_second: natural,
      base_steps: natural,
      max_steps: natural,
      actors: natural,
      bound: z.number().optional(),
      cut_off: natural,
      first_hit: natural.optional(),
      violation: z
        .object({
          oracle: z.string(),
          message: z.string(),
          preemptions: natural,
          steps: natural,
          operations: natural,
          found: z.object({ number: z.number().int(), preemptions: natural, steps: natural, operations: natural }),
          token: z.string(),
          replay_file: z.string().optional(),
          table: z.string(),
        })
        .optional(),
    }),
  ),
})

export const replayDocument = z.object({
  ...frame,
  verb: z.literal('replay'),
  file: z.string(),
  name: z.string(),
  steps: natural,
  trace: z.string(),
  same: z.boolean(),
  violation: violation.nullable(),
  table: z.string(),
  token: z.string().optional(),
  state: z.array(z.string()),
  answers: z.array(z.object({ operation: z.string(), answer: z.string().nullable() })),
})

export const bugsDocument = z.object({
  ...frame,
  verb: z.literal('bugs'),
  bugs: z.array(
    z.object({
      number: natural,
      id: z.string(),
      title: z.string(),
      generation: z.array(z.string()),
      oracles: z.array(z.string()),
      depth: natural,
      expressible: z.boolean(),
      reason: z.string().optional(),
    }),
  ),
  table: tableSchema.optional(),
})

export const demoDocument = z.object({
  ...frame,
  verb: z.literal('demo'),
  bug: z.string(),
  found: exploreDocument.shape.scenarios.element.optional(),
  fixed: exploreDocument.shape.scenarios.element.optional(),
  load: stressDocument.omit({ schema: true, ok: true, version: true, verb: true }).optional(),
  interrupted: z.boolean(),
})

export { type BenchDocument, benchDocument } from './bench/document.ts'
/** What `hmm bugs --json` writes. */
export type BugsDocument = z.infer<typeof bugsDocument>
export { type DoctorDocument, doctorDocument } from './doctor/document.ts'
/** What `hmm demo --json` writes. */
export type DemoDocument = z.infer<typeof demoDocument>
/** What `hmm explore --json` and `hmm merge --json` write. */
export type ExploreDocument = z.infer<typeof exploreDocument>
/** What `hmm replay --json` writes. */
export type ReplayDocument = z.infer<typeof replayDocument>
/** What `hmm run --json` writes (docs/run.md). */
export type RunDocument = z.infer<typeof runDocument>
/** What `hmm stress --json` writes. */
export type StressDocument = z.infer<typeof stressDocument>

/** The schema of each verb's document. */
export const documents = {
  run: runDocument,
  stress: stressDocument,
  explore: exploreDocument,
  replay: replayDocument,
  bugs: bugsDocument,
  bench: benchDocument,
  doctor: doctorDocument,
  demo: demoDocument,
} as const
export type DocumentVerb = keyof typeof documents

/** JSON Schema (draft 2020-12) of each verb's document. */
export function jsonSchemas(): Record<DocumentVerb, object> {
  return {
    run: z.toJSONSchema(runDocument),
    stress: z.toJSONSchema(stressDocument),
    explore: z.toJSONSchema(exploreDocument),
    bugs: z.toJSONSchema(bugsDocument),
    replay: z.toJSONSchema(replayDocument),
    bench: z.toJSONSchema(benchDocument),
    doctor: z.toJSONSchema(doctorDocument),
    demo: z.toJSONSchema(demoDocument),
  }
}

/** Puts a verb's result into the frame that every document has. */
export function document<V extends DocumentVerb>(verb: V, ok: boolean, result: object): z.infer<(typeof documents)[V]> {
  return { schema: `hmm-runtime/${verb}/1`, ok, verb, version: version(), ...result } as z.infer<(typeof documents)[V]>
}
