/** A faulty driver: it gives its hardware key back while callbacks still find it (known race 23). */
import { KEY, keyed } from './fixed.ts'

export default keyed('revoked-object-still-notified', (dev, mirror) => {
  const key = dev.load(dev.mirrorWord(mirror, KEY))
  if (key === 0) return
  dev.records.free(key) // the mistake: an invalidation writes to it until the next lines are done
  dev.lock(mirror)
  dev.store(dev.mirrorWord(mirror, KEY), 0)
  dev.unlock(mirror)
})
