/** svm whose passes are those of the module, in the form whose atomics are schedule points, though accesses are checked. */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  type DeviceFault,
  defineDriver,
  EBUSY,
  type Mirror,
  type Range,
} from 'hmm-runtime/driver'
import svm, { SVM_FORMAT } from 'hmm-runtime/drivers/svm'

/** Word of the mirror that names its range. */
const RANGE_WORD = 0

/** Serves a fault. 0 or a negative errno; `whole`: by the module alone, which is one step where the loop in TypeScript is many. */
export function passWhole(dev: DeviceContext, mirror: Mirror, fault: DeviceFault): { errno: number; whole: boolean } {
  const range = dev.load(dev.mirrorWord(mirror, RANGE_WORD)) as Range
  const write = fault.access >= DEVICE_ACCESS.write
  dev.rangeRequest(range, write ? SVM_FORMAT.valid | SVM_FORMAT.write : SVM_FORMAT.valid)
  const { task } = dev
  const began = task.steps
  task.exploresModule = true
  const installed = dev.mirrorRange(range, mirror, fault.vpn, 1, 0)
  task.exploresModule = false
  return { errno: installed === -EBUSY ? 0 : Math.min(installed, 0), whole: task.steps - began === 1 }
}

export default defineDriver({
  ...svm,
  name: 'passes-whole',
  serviceFault: (dev, mirror, fault) => passWhole(dev, mirror, fault).errno,
})
