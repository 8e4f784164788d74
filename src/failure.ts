/** A run that could not be completed: a worker died, hung or threw, or memory was out. Exit code 3. */
import { HmmError } from '../shared/seam/error.ts'

/** The run itself failed: a worker died, an actor hung, it was interrupted. Exit code 3. */
export class RunFailure extends HmmError {}
