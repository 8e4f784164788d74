/**
 * Targets for pages that move, and how their content gets there. On the way to the device its copy engine copies, and a page whose copy
 * fails stays where it was. On the way home a page must arrive: what the copy engine fails to copy, the processor copies; and where a CPU
 * waits for one page, it copies that page itself.
 *
 *   page moves        copied by                 a failed copy
 *   to the device     the copy engine           target given back, the page stays
 *   home, evicted     the copy engine           the processor copies
 *   home, touched     the CPU that touched it   does not come
 */
import type { Copy, DeviceContext, Frame, Migration } from '../../device/index.ts'

/** How a page's content gets to another frame: for each of the copies, whether that went well. */
type Copier = (dev: DeviceContext, copies: readonly Copy[]) => readonly boolean[]

/** The processor copies. */
export function byCpu(dev: DeviceContext, copies: readonly Copy[]): boolean[] {
  return copies.map(({ to, from }) => {
    dev.memory.copyPage(to, from)
    return true
  })
}

/** The device's copy engine copies; a page whose copy fails stays where it is. On the service. */
export function byDevice(dev: DeviceContext, copies: readonly Copy[]): boolean[] {
  return dev.memory.copyByDevice(copies)
}

/** The device's copy engine copies, and the processor what it failed to: a page on its way home must get there. On the service. */
export function byEither(dev: DeviceContext, copies: readonly Copy[]): boolean[] {
  const done = byDevice(dev, copies)
  byCpu(
    dev,
    copies.filter((_, i) => done[i] !== true),
  )
  return copies.map(() => true)
}

/**
 * A target for each page that moves, with its content. A page for which there is none, or whose copy failed, stays where it is. False
 * when memory was out for one of them.
 */
export function supply(dev: DeviceContext, migration: Migration, alloc: () => Frame | -1, copier: Copier): boolean {
  let supplied = true
  const copies: (Copy & { readonly page: number })[] = []
  for (let page = 0; page < migration.src.length; page++) {
    if (!dev.memory.migrates(migration, page)) continue
    const to = alloc()
    if (to === -1) {
      supplied = false
      continue
    }
    const from = dev.memory.source(migration, page)
    if (from !== -1) copies.push({ page, to, from })
    else {
      dev.memory.clearPage(to)
      dev.memory.setTarget(migration, page, to)
    }
  }
  const done = copies.length === 0 ? [] : copier(dev, copies)
  for (const [i, { page, to }] of copies.entries()) {
    if (done[i] === true) dev.memory.setTarget(migration, page, to)
    else dev.memory.freePage(to)
  }
  return supplied
}

/** Era events: what HMM asks a driver to copy to its device's memory; -1 in dst for what stays. On the service. */
export function copyIn(dev: DeviceContext, src: Int32Array, dst: Int32Array): void {
  const copies: (Copy & { readonly page: number })[] = []
  for (const [page, from] of src.entries()) {
    const to = from === -1 ? -1 : dev.memory.allocPage()
    if (to !== -1) copies.push({ page, to, from: from as Frame })
  }
  const done = copies.length === 0 ? [] : byDevice(dev, copies)
  for (const [i, { page, to }] of copies.entries()) {
    if (done[i] !== true) dev.memory.freePage(to)
    else {
      dev.memory.used(to)
      dst[page] = to
    }
  }
}
