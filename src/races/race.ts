/**
 * What the folder of a known race holds: `race.ts` (this shape), `scenario.scn`, and `driver.ts` where the fault is a driver's.
 * The protocol code has no switches for bugs: a driver's race is a driver that makes the mistake, a race of the core is an edit
 * of one of its steps, applied to the code as a worker loads it (edit.ts). Without driver and edit the same scenario is clean: with
 * the family's own driver, or with the folder's `fixed.ts` where the mistake is in something that no family has.
 */
import type { Oracle } from '../../shared/seam/violation.ts'
import type { ForeignActors } from '../explore/subjects.ts'
import type { CoreEdit } from './edit.ts'

/** How a race is looked for. */
export interface Search {
  readonly strategy: 'pct' | 'random' | 'dfs'
  readonly depth: number
  readonly preemptions: number
  /** Everything is taken down after every so many schedules: 1 for what shows only then. Default: as everywhere. */
  readonly teardownEvery?: number
}

/** A race that can be put in: its scenario, its mistake, how it is looked for, who may report it. */
export interface Race {
  /** Number in the catalogue. */
  readonly number: number
  readonly id: string
  readonly title: string
  /** Which generations of the protocol it belongs to. */
  readonly generation: readonly string[]
  /** Oracles that may report it; the first that sees it ends the run. */
  readonly oracles: readonly Oracle[]
  /** Ordering constraints of the interleaving, in the sense of PCT. */
  readonly depth: number
  /** Where and when it happened. */
  readonly history: string
  /** The step as it must be, and the mistake. */
  readonly correct: string
  readonly fault: string
  /** The interleaving, step by step: who does what. */
  readonly interleaving: readonly string[]
  /** How it is looked for when nothing else is asked. Default: pct with the race's depth. */
  readonly search?: Partial<Search>
  /** Module URL of the faulty driver, and the family it stands for. */
  readonly driver?: { readonly family: string; readonly module: string }
  /** Module URL of the same driver without the mistake, where the family's own would be another driver. */
  readonly fixed?: string
  readonly edit?: CoreEdit
  /** URL of the folder's scenario; or, for a race of one primitive alone, functions of its `actors.ts`. */
  readonly scenario?: string
  readonly actors?: ForeignActors
}

/** A race as its folder states it: `here` is the folder's import.meta.url. */
export function defineRace(
  here: string,
  race: Omit<Race, 'scenario' | 'driver' | 'fixed' | 'actors'> & {
    /** The family that the folder's driver stands for. */
    readonly family?: string
    /** The folder has a `fixed.ts`. */
    readonly fixed?: true
    readonly actors?: Omit<ForeignActors, 'module'>
  },
): Race {
  const { family, fixed, actors, ...rest } = race
  const extension = here.slice(here.lastIndexOf('.'))
  const driver = family === undefined ? {} : { driver: { family, module: new URL(`./driver${extension}`, here).href } }
  const right = fixed === undefined ? {} : { fixed: new URL(`./fixed${extension}`, here).href }
  if (actors !== undefined) return { ...rest, actors: { ...actors, module: new URL(`./actors${extension}`, here).href } }
  return { ...rest, ...driver, ...right, scenario: sourceOf(here) }
}

/** Scenarios are not compiled: they stay where the sources are, beside the built code. */
function sourceOf(here: string): string {
  return new URL('./scenario.scn', here.replace('/dist/src/races/', '/src/races/')).href
}

/** How a race is looked for when nothing else is asked. */
export function searchOf(race: Race): Search {
  return { strategy: 'pct', depth: race.depth, preemptions: 2, ...race.search }
}

/** Modules that take the place of families when the race's scenario is run without the race. */
export function driversWithout({ driver, fixed }: Race): Record<string, string> {
  return driver === undefined || fixed === undefined ? {} : { [driver.family]: fixed }
}
