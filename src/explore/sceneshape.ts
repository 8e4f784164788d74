/** The shape of a scene (scene.ts): types alone, so that the code of the page, which knows no Node, reads them as well. */

export type RowKind = 'operation' | 'change' | 'read' | 'switch'

/** Where on the page a slot stands: under `locks` by column, under `pages` by page and table, otherwise in a list. */
export type SlotPlace =
  | { readonly group: 'locks'; readonly column: number }
  | { readonly group: 'words' }
  | { readonly group: 'pages'; readonly page: string; readonly table: string }

export type Slot = SlotPlace & { readonly label: string }

export interface SlotValue {
  readonly text: string
  /** Why an entry must not be there any more. */
  readonly stale?: string
}

export interface SceneRow {
  readonly step: number
  readonly column: number
  readonly kind: RowKind
  readonly text: string
  /** Index of a slot, and of the value that it has from here on. */
  readonly changes: readonly (readonly [slot: number, value: number])[]
}

export interface Scene {
  /** Headings of the columns. */
  readonly actors: readonly string[]
  readonly slots: readonly Slot[]
  readonly values: readonly SlotValue[]
  /** Value of each slot before the first row. */
  readonly initial: readonly number[]
  readonly rows: readonly SceneRow[]
  /** The last step of the run, where the rows end before it because the rest is more of the same. */
  readonly goesOnTo?: number
}
