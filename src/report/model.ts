/**
 * What a report page shows: a verdict, facts beside it, and sections from top to bottom. Made from a document in Node, embedded in the
 * page as JSON, and drawn by the code in page/, which knows nothing of where it came from. Nothing here is HTML: the page puts all
 * of it in as text.
 */
import type { RowKind, SlotPlace, SlotValue } from '../explore/sceneshape.ts'

/** clean: nothing was found; finding: something was; open: it ended before it could tell; figures: there is nothing to judge. */
export type Tone = 'clean' | 'finding' | 'open' | 'figures'

export interface PageModel {
  readonly title: string
  readonly tone: Tone
  /** One sentence. */
  readonly verdict: string
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly sections: readonly Section[]
}

export type Section = StageSection | TextSection | TableSection | PlotSection | OrderSection

/** An interleaving to step through. */
export interface StageSection {
  readonly kind: 'stage'
  readonly title: string
  /** What the run ends with. */
  readonly note: string
  readonly scene: PackedScene
}

/** Text with fixed columns. */
export interface TextSection {
  readonly kind: 'text'
  readonly title: string
  readonly note: string
  readonly text: string
}

export interface TableSection {
  readonly kind: 'table'
  readonly title: string
  readonly note: string
  readonly columns: readonly string[]
  /** Indices of the columns that are set flush right. */
  readonly numeric: readonly number[]
  readonly rows: readonly (readonly string[])[]
}

export interface PlotSection {
  readonly kind: 'plot'
  readonly title: string
  readonly note: string
  readonly x: Axis
  readonly y: Axis
  readonly series: readonly Series[]
}

export interface Axis {
  readonly label: string
  readonly scale: 'linear' | 'log' | 'names'
  /** Of scale `names`: what stands at 0, 1, 2 ... */
  readonly names?: readonly string[]
  readonly unit: 'ns' | 'count' | 's'
}

export interface Series {
  readonly label: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

/** Which lock was taken while which was held, outermost first. */
export interface OrderSection {
  readonly kind: 'order'
  readonly title: string
  readonly note: string
  readonly locks: readonly string[]
  /** Index of the lock that was held, and of the one that was taken. */
  readonly edges: readonly (readonly [held: number, taken: number])[]
}

/** A scene (explore/scene.ts) in less space: a run may have 100,000 rows. */
export interface PackedScene {
  readonly actors: readonly string[]
  readonly slots: readonly (SlotPlace & { readonly label: string })[]
  readonly values: readonly SlotValue[]
  readonly initial: readonly number[]
  readonly texts: readonly string[]
  /** Each: step, column, index in ROW_KINDS, index in `texts`, then pairs of slot and value. */
  readonly rows: readonly (readonly number[])[]
  readonly goesOnTo?: number
}

export const ROW_KINDS: readonly RowKind[] = ['operation', 'change', 'read', 'switch']
