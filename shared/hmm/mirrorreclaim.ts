/** When empty directories of mirror page tables die: at once, or `delayed`, KEEP_MS later (hmm/kept.ts), because devices often fill them again. */
export const MIRROR_RECLAIMS = ['immediate', 'delayed'] as const
export type MirrorReclaim = (typeof MIRROR_RECLAIMS)[number]
