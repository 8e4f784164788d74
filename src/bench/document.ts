/** What `hmm bench --json` writes. */
import { z } from 'zod'
import { frame, natural } from '../frame.ts'

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

/** What `hmm bench --json` writes. Units are in the names: _ns, _us, _ms, _s, _per_s. */
export type BenchDocument = z.infer<typeof benchDocument>
