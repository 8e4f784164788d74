/**
 * odp: an RDMA adapter with on-demand paging. User space registers memory regions, or none, and then the whole address space is one;
 * the adapter asks for pages when it needs them, and reaches them by addresses of its bus only: what is mapped in its IOMMU.
 *
 *   a region; the regions of a mirror, their users           odp/region.ts, odp/regions.ts
 *   pages: brought in, mapped, shown; taken away             odp/pages.ts
 *   page requests and prefetch                               odp/requests.ts
 *   changes of the address space, in one pass or two         odp/invalidation.ts
 *   reg_mr, dereg_mr, prefetch                               odp/verbs.ts
 *
 * The umem lock is the mirror's update lock. In era events HMM fills, maps and unmaps (behindIommu, docs/events.md): a region is then
 * no more than what the adapter may reach. What runs in which era, and why not: docs/odp.md.
 */
import { defineDriver, EAGAIN, ENOMEM, isDeviceFault, LAST_VPN } from '../device/index.ts'
import { invalidateFirst, invalidateOnce, invalidateSecond, lockForChange, takeRegionAway } from './odp/invalidation.ts'
import { createFillings, freeFillings } from './odp/pages.ts'
import { regionMayWrite } from './odp/region.ts'
import { beginWhole, eachRegion, findListed, freeAllRegions } from './odp/regions.ts'
import { serveRequest, serveWork } from './odp/requests.ts'
import { runVerb } from './odp/verbs.ts'

/** An RDMA adapter with on-demand paging (docs/odp.md). */
export default defineDriver({
  name: 'odp',
  behindIommu: true,

  attach(dev, mirror) {
    if (createFillings(dev, mirror) && beginWhole(dev, mirror)) return 0
    freeFillings(dev, mirror)
    return -ENOMEM
  },

  /** While changes are announced, what is mapped is where it was: from here on nobody would say when it goes. */
  close(dev, mirror) {
    if (dev.era === 'events') return // HMM unmaps what it has mapped
    dev.lock(mirror)
    eachRegion(dev, mirror, 0, LAST_VPN, (region) => takeRegionAway(dev, mirror, region))
    dev.unlock(mirror)
  },

  detach(dev, mirror) {
    freeAllRegions(dev, mirror)
    freeFillings(dev, mirror)
  },

  /** Era range-valid: the address space ends, and its pages go without another word. */
  release(dev, mirror) {
    this.close?.(dev, mirror)
  },

  invalidate: invalidateOnce,
  invalidateStart: invalidateFirst,
  invalidateFinish: invalidateSecond,

  update(dev, mirror, event) {
    if (!lockForChange(dev, mirror, event.blockable)) return -EAGAIN
    if (isDeviceFault(event.etype)) dev.publish(mirror, event, regionMayWrite(dev, findListed(dev, mirror, event.start)))
    else dev.withdraw(mirror, event)
    dev.unlock(mirror)
    return 0
  },

  serviceFault: serveRequest,
  work: serveWork,
  ioctl: runVerb,
})
