/** A mirror whose service is busy for almost a second with what a read leaves it to do: it is late when the run is at its end. */
import { defineDriver } from 'hmm-runtime/driver'
import mirror from 'hmm-runtime/drivers/mirror'

const BUSY_NS = 800_000_000
/** Word of the device: the service has begun. */
const BEGUN = 0

export default defineDriver({
  ...mirror,
  name: 'stops-late',
  ioctl(dev, mirrorOfCaller, request) {
    dev.queueWork(1)
    while (dev.load(dev.word(BEGUN)) === 0); // or the run might be over before the service has woken up
    return mirror.ioctl?.(dev, mirrorOfCaller, request) ?? { errno: 0, cpages: 0, faults: 0 }
  },
  work(dev) {
    dev.store(dev.word(BEGUN), 1)
    const untilNs = dev.nowNs() + BUSY_NS
    while (dev.nowNs() < untilNs);
  },
})
