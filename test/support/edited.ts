/**
 * A module of the core with one step replaced, beside the right one: for showing that a test would notice the mistake. It shares
 * every other module with the rest of the test.
 *
 *     const { MirrorIterator } = await importEdited<typeof import('../../shared/hmm/iterator.ts')>(t, {
 *       file: 'shared/hmm/iterator.js', replace: [['at < next', 'at <= next']] })
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { applyEdit, type CoreEdit } from '../../src/races/edit.ts'

/** Loads the built file of `edit` with the edit applied. Throws when it does not apply exactly once. */
export async function importEdited<Module>(t: { testdir(): string }, edit: CoreEdit): Promise<Module> {
  const original = new URL(`../../${edit.file}`, import.meta.url)
  const text = applyEdit(edit, readFileSync(fileURLToPath(original), 'utf8'))
  const copy = join(t.testdir(), 'edited.mjs')
  writeFileSync(
    copy,
    text
      .replace(/ from '(\.[^']*)'/g, (_, path: string) => ` from '${new URL(path, original).href}'`)
      .replace(/^\/\/# source.*$/m, ''),
  )
  return import(pathToFileURL(copy).href)
}
