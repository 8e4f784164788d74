/** What all documents have in common. */
import { z } from 'zod'

export const natural = z.number().int().nonnegative()

/** The first fields of every document; its verb is the next. */
export const frame = {
  schema: z.string(),
  ok: z.boolean(),
  version: z.string(),
}
