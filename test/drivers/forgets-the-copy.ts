/** A faulty mirror: a page that a CPU brings home by touching it has lost its content. No race, and no oracle looks at values. */
import { defineDriver, EFAULT, SELECT_DEVICE_PRIVATE } from 'hmm-runtime/driver'
import mirror from 'hmm-runtime/drivers/mirror'

export default defineDriver({
  ...mirror,
  name: 'forgets-the-copy',
  migrateToRam(dev, vma, vpn, frame) {
    const migration = dev.memory.migration(vma, vpn, vpn, SELECT_DEVICE_PRIVATE, frame)
    if (dev.memory.setup(migration) !== 0) return -EFAULT
    const target = dev.memory.allocSystemPage()
    if (target !== -1 && dev.memory.migrates(migration, 0)) {
      dev.memory.clearPage(target) // the mistake: it should be copyPage
      dev.memory.setTarget(migration, 0, target)
    }
    dev.memory.pages(migration)
    dev.memory.finalize(migration)
    return 0
  },
})
