/** What `hmm doctor --json` writes. */
import { z } from 'zod'
import { frame, natural } from '../frame.ts'

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

/** What `hmm doctor --json` writes. */
export type DoctorDocument = z.infer<typeof doctorDocument>
