/**
 * Drivers in a worker: each thread that may call a driver registers it here when it boots. What a driver throws ends the
 * run with the driver's name and the call it was in.
 */

import { hmmMigrateBack } from '../hmm/copydevice.ts'
import { eraOf } from '../hmm/era.ts'
import { type Mirror, NO_MIRROR } from '../hmm/mirror.ts'
import { MIRROR_OPS, registerHmm } from '../hmm/rangevalid.ts'
import { registerMirrorOps } from '../hmm/update.ts'
import { EAGAIN, ENOMEM } from '../memory/errno.ts'
import { MIGRATE_TO_RAM } from '../mm/devicefault.ts'
import { FAULT } from '../mm/faultcode.ts'
import { vmaMm } from '../mm/vma.ts'
import { INTERVAL_OPS } from '../notifier/invalidate.ts'
import { FINISH_OPS } from '../notifier/secondpass.ts'
import { subCookie } from '../notifier/subscriptions.ts'
import type { NotifierRange } from '../notifier/windows.ts'
import { HmmError } from '../seam/error.ts'
import { HaltSignal } from '../seam/halt.ts'
import { lookupOp, opKey, registerOp } from '../seam/optable.ts'
import type { Task } from '../seam/task.ts'
import { ViolationSignal } from '../seam/violation.ts'
import { DeviceContext } from './context.ts'
import type { DeviceFault, Driver, IoctlRequest, IoctlResult, WorkItem } from './contract.ts'
import { forgetUnmapped } from './keeper.ts'
import { deviceIommu, deviceZone, getMirrorOf } from './record.ts'

/** A driver as the runtime calls it: every call present, errors named. */
export interface BoundDriver {
  readonly name: string
  readonly dev: DeviceContext
  /** Its device works on its own, and raises faults. */
  readonly servesFaults: boolean
  /** It takes commands from user space. */
  readonly takesCommands: boolean
  attach(mirror: Mirror): number
  /** Tells the driver that its device is being closed. */
  close(mirror: Mirror): void
  /** Drops a reference; the last one calls the driver's detach and frees the mirror. */
  putMirror(mirror: Mirror): void
  serviceFault(mirror: Mirror, fault: DeviceFault): number
  work(item: WorkItem): void
  ioctl(mirror: Mirror, request: IoctlRequest): IoctlResult
}

const DRIVERS = opKey<BoundDriver>('driver')

function registerMigrateToRam(task: Task, dev: DeviceContext, driver: Driver): void {
  const { migrateToRam } = driver
  if (migrateToRam === undefined || eraOf(task) === 'events') return
  registerOp(task, MIGRATE_TO_RAM, deviceZone(task, dev.device), (_task, vma, vpn, frame) => {
    const result = guarded(driver, dev, 'migrateToRam', () => migrateToRam.call(driver, dev, vma, vpn, frame))
    return result === 0 ? FAULT.done : result === -ENOMEM ? FAULT.oom : FAULT.sigbus
  })
}

/** What era events asks of a driver. A driver that cannot answer events is refused. */
function registerUpdate(task: Task, dev: DeviceContext, driver: Driver): void {
  if (eraOf(task) !== 'events') return
  const { update, copyToDevice, copyFromDevice } = driver
  if (update === undefined)
    throw new HmmError('HMM_ERR_DRIVER', `driver ${driver.name} has no update(): era events calls that instead of invalidate()`)
  const guard = <R>(call: string, run: () => R): R => guarded(driver, dev, call, run)
  registerMirrorOps(task, dev.device, {
    iommu: driver.behindIommu === true ? deviceIommu(task, dev.device) : null,
    update: (_task, mirror, event) => guard('update', () => update.call(driver, dev, mirror, event)),
    ...(copyToDevice === undefined
      ? {}
      : {
          copyToDevice: (_task, mirror, event, src, dst) =>
            guard('copyToDevice', () => copyToDevice.call(driver, dev, mirror, event, src, dst)),
        }),
    ...(copyFromDevice === undefined
      ? {}
      : {
          copyFromDevice: (_task, mirror, event, src, dst) =>
            guard('copyFromDevice', () => copyFromDevice.call(driver, dev, mirror, event, src, dst)),
        }),
    release: (_task, mirror) => guard('release', () => driver.release?.(dev, mirror)),
    flush: () => dev.flushTlb(),
  })
  registerOp(task, MIGRATE_TO_RAM, deviceZone(task, dev.device), (_task, vma, vpn, frame) => {
    const mirror = getMirrorOf(task, dev.device, vmaMm(task, vma))
    const result = hmmMigrateBack(task, dev.device, mirror, vma, vpn, frame)
    if (mirror !== NO_MIRROR) dev.putMirror(mirror)
    return result
  })
}

/**
 * Binds `driver` to device number `device` in this worker. Throws HMM_ERR_DRIVER for one that the machine's era cannot run, and for a
 * policy that the driver cannot go by.
 */
export function registerDriver(task: Task, device: number, driver: Driver, policy?: unknown): void {
  if (policy !== undefined) checkPolicy(driver, policy)
  const dev = new DeviceContext(task, device, driver, policy)
  registerUpdate(task, dev, driver)
  registerOp(task, DRIVERS, device, bind(driver, dev))
  registerMigrateToRam(task, dev, driver)
  if (driver.invalidateStart !== undefined && dev.era === 'two-pass') registerPair(task, dev, driver)
  else registerInvalidate(task, dev, driver)
}

function checkPolicy(driver: Driver, policy: unknown): void {
  const problem = driver.policyProblem === undefined ? 'it takes none' : driver.policyProblem(policy)
  if (problem !== null) throw new HmmError('HMM_ERR_DRIVER', `driver ${driver.name} cannot go by this policy: ${problem}`)
}

function registerInvalidate(task: Task, dev: DeviceContext, driver: Driver): void {
  const invalidate = (mirror: Mirror, range: NotifierRange, seq: number) =>
    guarded(driver, dev, 'invalidate', () => {
      const done = driver.invalidate(dev, mirror, range, seq)
      if (done) forgetUnmapped(task, mirror, range)
      return done
    })
  registerOp(task, INTERVAL_OPS, dev.device, (_task, sub, range, seq) => invalidate(subCookie(_task, sub) as Mirror, range, seq))
  registerHmm(task)
  registerOp(task, MIRROR_OPS, dev.device, {
    sync: (_task, mirror, range, seq) => invalidate(mirror, range, seq),
    release: (_task, mirror) => guarded(driver, dev, 'release', () => driver.release?.(dev, mirror)),
  })
}

function registerPair(task: Task, dev: DeviceContext, driver: Driver): void {
  const { invalidateStart, invalidateFinish } = driver as Required<Driver>
  registerOp(task, INTERVAL_OPS, dev.device, (_task, sub, range, seq) =>
    guarded(driver, dev, 'invalidateStart', () => {
      const mirror = subCookie(_task, sub) as Mirror
      const answer = invalidateStart.call(driver, dev, mirror, range, seq)
      if (answer === -EAGAIN) return false
      forgetUnmapped(task, mirror, range)
      if (answer === 0) return true
      if (answer > 0 && answer === (answer | 0)) return answer
      throw new Error(`it answered ${answer}, and not 0, -EAGAIN or a positive token`)
    }),
  )
  registerOp(task, FINISH_OPS, dev.device, (_task, _sub, token) =>
    guarded(driver, dev, 'invalidateFinish', () => invalidateFinish.call(driver, dev, token)),
  )
}

export function boundDriver(task: Task, device: number): BoundDriver {
  return lookupOp(task, DRIVERS, device)
}

/** Checks that a module's default export is a driver; throws HMM_ERR_DRIVER with one sentence if not. */
export function asDriver(exported: unknown, url: string): Driver {
  const driver = exported as Partial<Driver> | null | undefined
  if (typeof driver !== 'object' || driver === null) {
    throw new HmmError(
      'HMM_ERR_DRIVER',
      `${url} does not export a driver: its default export must be what defineDriver() returns`,
    )
  }
  if (typeof driver.name !== 'string' || driver.name === '') {
    throw new HmmError('HMM_ERR_DRIVER', `the driver in ${url} has no name`)
  }
  if (typeof driver.invalidate !== 'function') {
    throw new HmmError('HMM_ERR_DRIVER', `the driver in ${url} has no invalidate()`)
  }
  if ((driver.invalidateStart === undefined) !== (driver.invalidateFinish === undefined)) {
    throw new HmmError('HMM_ERR_DRIVER', `the driver in ${url} has only one of invalidateStart() and invalidateFinish()`)
  }
  return driver as Driver
}

/** Calls that a driver may export. */
const CALLS = [
  'attach',
  'detach',
  'close',
  'invalidate',
  'invalidateStart',
  'invalidateFinish',
  'update',
  'copyToDevice',
  'copyFromDevice',
  'release',
  'serviceFault',
  'migrateToRam',
  'work',
  'ioctl',
] as const satisfies readonly (keyof Driver)[]

/** What a driver is, as plain data: it travels to the booting thread, which loads no driver itself. */
export interface DriverFacts {
  readonly name: string
  /** The calls that it exports. */
  readonly calls: readonly (typeof CALLS)[number][]
}

export function factsOf(driver: Driver): DriverFacts {
  return { name: driver.name, calls: CALLS.filter((call) => driver[call] !== undefined) }
}

function bind(driver: Driver, dev: DeviceContext): BoundDriver {
  const guard = <R>(call: string, run: () => R): R => guarded(driver, dev, call, run)
  const missing = (call: string): never => {
    throw new HmmError('HMM_ERR_DRIVER', `driver ${driver.name} has no ${call}()`)
  }
  return {
    name: driver.name,
    dev,
    servesFaults: driver.serviceFault !== undefined,
    takesCommands: driver.ioctl !== undefined,
    attach: (mirror) => guard('attach', () => zeroOrErrno(driver.attach?.(dev, mirror) ?? 0)),
    close: (mirror) => guard('close', () => driver.close?.(dev, mirror)),
    putMirror: (mirror) => guard('detach', () => dev.putMirror(mirror)),
    serviceFault: (mirror, fault) =>
      guard('serviceFault', () =>
        driver.serviceFault === undefined ? missing('serviceFault') : driver.serviceFault(dev, mirror, fault),
      ),
    work: (item) => guard('work', () => (driver.work === undefined ? missing('work') : driver.work(dev, item))),
    ioctl: (mirror, request) =>
      guard('ioctl', () => (driver.ioctl === undefined ? missing('ioctl') : driver.ioctl(dev, mirror, request))),
  }
}

/** Anything else would be taken for what it is not: an opener that is told 5 has a mirror 5. */
function zeroOrErrno(answer: number): number {
  if (Number.isInteger(answer) && answer <= 0) return answer
  throw new Error(`it answered ${answer}, and not 0 or a negative errno`)
}

/** Runs a call of a driver: what it throws is named. */
function guarded<R>(driver: Driver, dev: DeviceContext, call: string, run: () => R): R {
  try {
    return run()
  } catch (error) {
    throw named(driver, dev, call, error)
  }
}

/** The unwinding of a halted machine passes through untouched; everything else is the driver's mistake. */
function named(driver: Driver, dev: DeviceContext, call: string, error: unknown): unknown {
  if (error instanceof HaltSignal || error instanceof ViolationSignal) return error
  if (error instanceof HmmError && error.code === 'HMM_ERR_DRIVER') return error // the innermost call is the one that failed
  const text = error instanceof Error ? error.message : String(error)
  return new HmmError('HMM_ERR_DRIVER', `driver ${driver.name} of device ${dev.device} failed in ${call}(): ${text}`, {
    cause: error,
  })
}
