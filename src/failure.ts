/** A run that could not be completed: a worker died, hung or threw, or memory was out. Exit code 3. */
import { HmmError } from '../shared/seam/error.ts'

export class RunFailure extends HmmError {}
