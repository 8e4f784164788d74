/**
 * The workloads of `hmm stress`, by name. A workload is a set-up, one operation of a cpu thread, and the kernel that engines
 * run; the areas whose sums are audited must keep their content whatever the operations do.
 */
import type { AuditedArea } from '../../check/sum.ts'
import type { EngineKernel } from '../../device/command.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import type { Task } from '../../seam/task.ts'
import { CHURN_AUDITED, churnKernel, setUpChurn, stepChurn } from './churn.ts'
import { HUGE_AUDITED, HUGE_SWAP_PAGES, hugeKernel, setUpHuge, stepHuge } from './huge.ts'
import { MIGRATE_AUDITED, MIGRATE_DEVICE_PAGES, MIGRATE_EXPENDABLE, migrateKernel, setUpMigrate, stepMigrate } from './migrate.ts'
import { MIXED_AUDITED, MIXED_EXPENDABLE, mixedKernel, setUpMixed, stepMixed } from './mixed.ts'
import {
  OVERSUBSCRIBE_AUDITED,
  OVERSUBSCRIBE_DEVICE_PAGES,
  oversubscribeKernel,
  setUpOversubscribe,
  stepOversubscribe,
} from './oversubscribe.ts'
import type { Span } from './reclaim.ts'
import { REGIONS_AUDITED, REGIONS_EXPENDABLE, regionsKernel, setUpRegions, stepRegions } from './regions.ts'
import { setUpTrace, stepTrace, TRACE_AUDITED, traceKernel } from './trace.ts'

export interface Workload {
  /** One line for `hmm stress --help`. */
  readonly summary: string
  readonly audited: readonly AuditedArea[]
  /** Spans whose content may be lost: what the OOM reaper takes. */
  readonly expendable?: readonly Span[]
  /** Frames for pages that are put out; none if it is missing. */
  readonly swapPages?: number
  /** What it maps, in the scenario language: the set-up of a scenario made of a find. None: no scenario is made. */
  readonly maps?: readonly string[]
  /** Pages of each device's own memory; none if it is missing. */
  readonly devicePages?: number
  setUp(task: Task, mm: Mm): void
  step(task: Task, mm: Mm): void
  readonly kernel: EngineKernel
}

export const WORKLOADS: Readonly<Record<string, Workload>> = {
  mixed: {
    summary: 'adds, loads and stores by cpus and devices on shared pages, under munmap, mprotect, madvise and fork',
    audited: MIXED_AUDITED,
    expendable: MIXED_EXPENDABLE,
    maps: ['mmap A 64 rw private', 'mmap B 128 rw private', 'mmap C 64 rw memfd'],
    setUp: setUpMixed,
    step: stepMixed,
    kernel: mixedKernel,
  },
  huge: {
    summary: 'the same on 2 MiB pages: thp and hugetlb, split, moved, put out, collapsed, forked',
    audited: HUGE_AUDITED,
    swapPages: HUGE_SWAP_PAGES,
    setUp: setUpHuge,
    step: stepHuge,
    kernel: hugeKernel,
  },
  churn: {
    summary: 'devices fill directories of their mirror page tables that cpus empty (--mirror-reclaim delayed)',
    audited: CHURN_AUDITED,
    setUp: setUpChurn,
    step: stepChurn,
    kernel: churnKernel,
  },
  migrate: {
    summary: 'cpus drive test devices (--devices mirror*2,svm*2): pages migrate, come home, are taken exclusively',
    audited: MIGRATE_AUDITED,
    expendable: MIGRATE_EXPENDABLE,
    devicePages: MIGRATE_DEVICE_PAGES,
    setUp: setUpMigrate,
    step: stepMigrate,
    kernel: migrateKernel,
  },
  regions: {
    summary: 'cpus register, prefetch and deregister memory regions (--devices odp*2), under munmap, mprotect, madvise and fork',
    audited: REGIONS_AUDITED,
    expendable: REGIONS_EXPENDABLE,
    setUp: setUpRegions,
    step: stepRegions,
    kernel: regionsKernel,
  },
  oversubscribe: {
    summary: 'devices with memory of their own stream over more than it holds (--device-memory, --policy)',
    audited: OVERSUBSCRIBE_AUDITED,
    devicePages: OVERSUBSCRIBE_DEVICE_PAGES,
    setUp: setUpOversubscribe,
    step: stepOversubscribe,
    kernel: oversubscribeKernel,
  },
}

/** The name of the load that a trace makes. It is no workload that one asks for by name: it needs a trace. */
export const TRACE_PROFILE = 'trace'

const TRACE: Workload = {
  summary: 'the accesses of a trace',
  audited: TRACE_AUDITED,
  setUp: setUpTrace,
  step: stepTrace,
  kernel: traceKernel,
}

/** The load of that name, or undefined: a workload, or that of a trace. */
export function workloadNamed(name: string): Workload | undefined {
  return name === TRACE_PROFILE ? TRACE : Object.hasOwn(WORKLOADS, name) ? WORKLOADS[name] : undefined
}
