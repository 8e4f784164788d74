/**
 * Edits of the core: one step of the built code is replaced by another in every worker of a machine, as the worker loads it. The
 * files on disk stay as they are, and so does the booting thread. An edit that does not apply exactly once is refused, so that
 * a race cannot be lost silently when the code moves on.
 */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { HmmError } from '../../shared/seam/error.ts'

/** A mistake in the core: texts of one built file, and what stands there instead. */
export interface CoreEdit {
  /** Built file, from the root of the build: `shared/mm/fault.js`. */
  readonly file: string
  /** Texts of the built code, each found once, and what stands there instead. */
  readonly replace: readonly (readonly [find: string, by: string])[]
}

/** `source` with the edit applied. Throws HMM_ERR_EDIT when a text is not there, or there twice. */
export function applyEdit(edit: CoreEdit, source: string): string {
  return edit.replace.reduce((text, [find, by]) => {
    const parts = text.split(find)
    if (parts.length === 2) return parts.join(by)
    const times = parts.length === 1 ? 'not in' : `${parts.length - 1} times in`
    throw new HmmError(
      'HMM_ERR_EDIT',
      `an edit of ${edit.file} does not apply: ${JSON.stringify(find)} is ${times} the built code`,
    )
  }, source)
}

/** Flags for a worker that is to load the edited code. Throws HMM_ERR_EDIT when the edit does not apply to this build. */
export function editFlags(edit: CoreEdit): string[] {
  const root = new URL('../../', import.meta.url)
  applyEdit(edit, readFileSync(fileURLToPath(new URL(edit.file, root)), 'utf8'))
  const preload = new URL('./preload.js', import.meta.url)
  preload.searchParams.set('edit', JSON.stringify(edit))
  return ['--import', preload.href]
}
