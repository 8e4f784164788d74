/**
 * A scene to go about in: the state after any row, at once. Every 512th state is kept, and the few rows between are followed
 * again; so a run of 100,000 rows needs a few hundred states in memory, and no row is further than 511 steps away.
 */
import { type PackedScene, ROW_KINDS } from '../model.ts'

const KEPT_EVERY = 512
const FIRST_CHANGE = 4

export interface RowView {
  readonly step: number
  readonly column: number
  readonly kind: (typeof ROW_KINDS)[number]
  readonly text: string
}

export class SceneView {
  readonly scene: PackedScene
  readonly length: number
  private readonly kept: Int32Array[] = []

  constructor(scene: PackedScene) {
    this.scene = scene
    this.length = scene.rows.length
    const state = Int32Array.from(scene.initial)
    for (let row = 0; row < this.length; row++) {
      this.apply(state, row)
      if (row % KEPT_EVERY === 0) this.kept.push(state.slice())
    }
  }

  row(index: number): RowView {
    const [step = 0, column = 0, kind = 0, text = 0] = this.scene.rows[index] ?? []
    return { step, column, kind: ROW_KINDS[kind] ?? 'change', text: (this.scene.texts[text] ?? '').replaceAll('->', '→') }
  }

  /** Value of each slot after a row. */
  stateAfter(index: number): Int32Array {
    const from = Math.floor(index / KEPT_EVERY)
    const state = (this.kept[from] ?? Int32Array.from(this.scene.initial)).slice()
    for (let row = from * KEPT_EVERY + 1; row <= index; row++) this.apply(state, row)
    return state
  }

  /** Value of each slot before a row. */
  stateBefore(index: number): Int32Array {
    return index === 0 ? Int32Array.from(this.scene.initial) : this.stateAfter(index - 1)
  }

  /** The last row that tells of step `step` or one before it. */
  rowOfStep(step: number): number {
    let low = 0
    let high = this.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.row(middle).step <= step) low = middle
      else high = middle - 1
    }
    return low
  }

  private apply(state: Int32Array, row: number): void {
    const packed = this.scene.rows[row] ?? []
    for (let i = FIRST_CHANGE; i + 1 < packed.length; i += 2) state[packed[i] ?? 0] = packed[i + 1] ?? 0
  }
}
