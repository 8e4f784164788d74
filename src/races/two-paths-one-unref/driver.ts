/** A faulty driver: two paths look whether there is a buffer, and both drop it (known race 32). */
import { BUFFER, buffered, unref } from './fixed.ts'

export default buffered('two-paths-one-unref', (dev, mirror) => {
  const at = dev.mirrorWord(mirror, BUFFER)
  const buffer = dev.load(at)
  if (buffer === 0) return
  unref(dev, buffer) // the mistake: the other path may have seen the same pointer
  dev.store(at, 0)
})
