/** A mistake in an input file: one sentence that names the place. Exit code 2. */
import { HmmError } from '../../shared/seam/error.ts'

/** A mistake in an input file: one sentence that names file and line. */
export class InputError extends HmmError {
  readonly file: string
  /** 0 when the mistake is the file's as a whole. */
  readonly line: number
  /** The sentence without the place. */
  readonly problem: string
  constructor(file: string, line: number, problem: string) {
    super('HMM_ERR_INPUT', line > 0 ? `${file}:${line}: ${problem}` : `${file}: ${problem}`)
    this.file = file
    this.line = line
    this.problem = problem
  }
}
