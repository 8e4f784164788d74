/**
 * The documents that `--json` writes: their schemas, and the types that follow from them. Every document has the same frame;
 * latencies are integer nanoseconds.
 */
import { z } from 'zod'
import { tableSchema } from './bugtable/document.ts'
import { version } from './version.ts'

const natural = z.number().int().nonnegative()

const frame = {
  schema: z.string(),
  ok: z.boolean(),
  version: z.string(),
}

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

export const benchDocument = z.object({
  ...frame,
  verb: z.literal('bench'),
  era: z.string(),
  node: z.string(),
  cpu: z.string(),
  cores: natural,
  clock: z.object({ step_ns: natural, cost_ns: natural }),
  quick: z.boolean(),
  interrupted: z.boolean(),
  benchmarks: z.array(
    z.object({
      name: z.string(),
      repetitions: natural,
      seconds: z.number().nonnegative(),
      loop_ns: z.array(z.number().positive()),
      others: z.array(z.number().min(0).max(1)),
    }),
  ),
  notes: z.array(z.string()),
  results: z.array(
    z.object({
      name: z.string(),
      benchmark: z.string(),
      n: natural,
      min_ns: natural,
      p50_ns: natural,
      p90_ns: natural,
      p99_ns: natural,
      p999_ns: natural,
      max_ns: natural,
      mean_ns: natural,
      median_ns: z.number().positive().optional(),
      ops_per_s: z.number().positive(),
      repetitions: z.array(z.number().positive()).min(1),
      spread: z.number().nonnegative(),
      relative_to: z.record(z.string(), z.number().positive()),
      ratios: z.record(z.string(), z.array(z.number().positive())),
      actors: natural.optional(),
      pages: natural.optional(),
      ns_per_page: z.number().positive().optional(),
      steps_per_s: natural.optional(),
      median_steps: natural.optional(),
      switches_per_schedule: z.number().nonnegative().optional(),
      distinct_traces: natural.optional(),
      cold_schedules_per_s: natural.optional(),
      ns_per_step: z.number().positive().optional(),
      hop_futex_round_trips: z.number().optional(),
      drops_per_s: natural.optional(),
      retries_per_success: z.number().nonnegative().optional(),
      longest_chain: natural.optional(),
    }),
  ),
  comparison: z
    .object({
      old_file: z.string(),
      threshold_percent: z.number().nonnegative(),
      changes: z.array(
        z.object({
          name: z.string(),
          old_ns: z.number().positive(),
          new_ns: z.number().positive(),
          basis: z.string(),
          change: z.number(),
          spread: z.number().nonnegative(),
          p: z.number().min(0).max(1),
          significant: z.boolean(),
          regression: z.boolean(),
        }),
      ),
      only_old: z.array(z.string()),
      only_new: z.array(z.string()),
      notes: z.array(z.string()),
    })
    .optional(),
})

const price = z.number().nonnegative()

export const doctorDocument = z.object({
  ...frame,
  verb: z.literal('doctor'),
  missing: z.array(z.string()),
  found: z
    .object({
      node: z.string(),
      platform: z.string(),
      cpu: z.string(),
      cores: z.object({ usable: natural, total: natural }),
      clock: z.object({ step_ns: natural, cost_ns: natural }),
      access: z.object({
        plain_load_ns: price,
        plain_store_ns: price,
        atomic_load_ns: price,
        atomic_store_ns: price,
        atomic_add_ns: price,
        atomic_cas_ns: price,
      }),
      round_trips: z.object({
        futex_ns: natural.nullable(),
        spin_ns: natural.nullable(),
        message_ns: natural.nullable(),
      }),
      memory: z.object({
        total_bytes: natural,
        free_bytes: natural,
        limit_bytes: natural.nullable(),
        shares_machine: z.boolean(),
        shares_bytes: natural,
      }),
      taskset: z.boolean(),
      loop: z.object({ p50_ns: natural, spread: price, max_ns: natural }),
      others: z.number().min(0).max(1).nullable(),
    })
    .nullable(),
  judgements: z.array(z.object({ what: z.string(), trust: z.enum(['yes', 'with care', 'no']), why: z.string() })),
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

/** What `hmm bench --json` writes. Units are in the names: _ns, _us, _ms, _s, _per_s. */
export type BenchDocument = z.infer<typeof benchDocument>
/** What `hmm bugs --json` writes. */
export type BugsDocument = z.infer<typeof bugsDocument>
/** What `hmm doctor --json` writes. */
export type DoctorDocument = z.infer<typeof doctorDocument>
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
