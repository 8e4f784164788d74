/** What the booting thread asks of a worker, over the control plane: plain data both ways, no call throws. */
import type { DriverFacts } from '../device/registry.ts'
import type { SharedMemory } from '../memory/regions.ts'
import type { ActorOutcome, Program } from './actor.ts'

/** What a worker is started with. */
export interface ActorSetup {
  readonly memory: SharedMemory
  readonly actor: number
  /** Module URL of each device's driver, by device number. */
  readonly drivers: readonly string[]
  /** What each device's driver goes by, by device number: a name, or the URL of a module whose default export it is. */
  readonly policies?: readonly (string | undefined)[]
}

/** `drivers`: of each device. `thread`: the host's number of the worker's thread, where it has one to tell. */
export type BootOutcome =
  | { readonly ok: true; readonly drivers: readonly DriverFacts[]; readonly thread?: number }
  | { readonly ok: false; readonly code: string; readonly message: string }

export interface ActorApi {
  /** Loads the drivers and registers everything lower rooms call. Once. */
  boot(setup: ActorSetup): Promise<BootOutcome>
  /** Runs this actor's part of a program, from start to halt. Does not return to the event loop in between. */
  run(program: Program): Promise<ActorOutcome>
}
