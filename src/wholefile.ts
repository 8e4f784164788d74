/** A result in a file: complete, or not there at all. */
import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { HmmError } from '../shared/seam/error.ts'

/** Throws HMM_ERR_OUTPUT when it cannot be written; then nothing is left. */
export function writeWhole(file: string, text: string): void {
  const partial = `${file}.${process.pid}.partial`
  try {
    writeFileSync(partial, text)
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw new HmmError(
      'HMM_ERR_OUTPUT',
      `the result could not be written to ${file}: ${error instanceof Error ? error.message : error}`,
    )
  }
}
