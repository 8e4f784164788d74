/**
 * `hmm-runtime`: boot a machine, run scenarios, stress drivers. The same functions stand behind the command line.
 *
 * Drivers import from `hmm-runtime/driver`; the locks, rings and grace periods are on their own in `hmm-runtime/sync`.
 */
export type { BenchResult } from '../bench/measure.ts'
export type { ActorOutcome, Answer, Program } from '../shared/actor/actor.ts'
export type { ScenarioLine, ScenarioOp } from '../shared/actor/ops.ts'
export type { Era } from '../shared/hmm/era.ts'
export type { ActorKind } from '../shared/seam/actors.ts'
export { HmmError, InvariantError } from '../shared/seam/error.ts'
export { ORACLES, type Oracle, type Violation } from '../shared/seam/violation.ts'
export type { Aftermath } from './aftermath.ts'
export type { CombinedResult } from './bench/combine.ts'
export { type Change, type Comparable, type Comparison, compare } from './bench/compare.ts'
export { BENCHMARKS, type BenchmarkName, type BenchmarkRun, type BenchOptions, type BenchReport, bench } from './bench.ts'
export { type DemoOptions, type DemoResult, demo } from './demo.ts'
export type { Judgement } from './doctor/judge.ts'
export { type DoctorReport, doctor, type Findings } from './doctor.ts'
export {
  type BenchDocument,
  type BugsDocument,
  type DemoDocument,
  type DoctorDocument,
  documents,
  type ExploreDocument,
  jsonSchemas,
  type ReplayDocument,
  type RunDocument,
  type StressDocument,
} from './documents.ts'
export { driverUrl, FAMILIES } from './drivers.ts'
export type { Find } from './explore/find.ts'
export type { Recording } from './explore/recording.ts'
export type { ForeignActors } from './explore/subjects.ts'
export {
  type CampaignOptions,
  type CampaignResult,
  type ExploreOptions,
  type ExploreProgress,
  type ExploreResult,
  explore,
  exploreAll,
  type SearchOptions,
} from './explore.ts'
export { RunFailure } from './failure.ts'
export { type BootOptions, boot, type DeviceOptions, Machine, type RunOutcome } from './machine.ts'
export { type Merged, merge } from './merge.ts'
export { type NewDriver, type NewDriverOptions, newDriver } from './newdriver.ts'
export { CATALOGUE, type CatalogueEntry } from './races/catalogue.ts'
export { applyEdit, type CoreEdit } from './races/edit.ts'
export { RACE_IDS, raceById } from './races/index.ts'
export type { Race } from './races/race.ts'
export { type ReplayOptions, type ReplayResult, replay } from './replay.ts'
export { report } from './report/report.ts'
export type { FileResult, FolderResult, RunResult, SkipReason } from './run/result.ts'
export { type RunOptions, run } from './run.ts'
export { type ConcurrentScenario, parseConcurrent } from './scenario/concurrent.ts'
export { InputError } from './scenario/error.ts'
export { parseSequential, type SequentialScenario } from './scenario/parse.ts'
export { type StressOptions, type StressResult, stress } from './stress.ts'
export type { Latency, StressLocks, StressProgress, StressSample } from './stressfigures.ts'
export { type DriverCheck, type DriverReport, type TestDriverOptions, testDriver } from './testdriver.ts'
export type { TraceOptions, TraceResult } from './trace/feeder.ts'
