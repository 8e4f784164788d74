/** Where drivers are: the built-in families by name, anything else as a module URL or a path. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { HmmError } from '../shared/seam/error.ts'

/** Built-in families. */
export const FAMILIES = ['mirror', 'svm', 'odp', 'userptr', 'pinned'] as const

/** The module URL of a family, of a `file:` or other URL, or of a path to an existing file. */
export function driverUrl(name: string): string {
  if ((FAMILIES as readonly string[]).includes(name)) return `hmm-runtime/drivers/${name}`
  if (/^[a-z]+:\/\//.test(name)) return name
  const path = resolve(name)
  if (existsSync(path)) return pathToFileURL(path).href
  throw new HmmError(
    'HMM_ERR_USAGE',
    `there is no device family ${JSON.stringify(name)} (${FAMILIES.join(', ')}), and no file of that name`,
  )
}

/**
 * What a driver is told to go by: the URL of a module, where the text is one or the path of an existing file; else a name, which the
 * driver knows or refuses.
 */
export function policyUrl(text: string): string {
  if (/^[a-z]+:\/\//.test(text)) return text
  if (/^[a-z][a-z0-9-]*$/.test(text)) return text
  const path = resolve(text)
  if (existsSync(path)) return pathToFileURL(path).href
  throw new HmmError('HMM_ERR_USAGE', `there is no policy ${JSON.stringify(text)}, and no file of that name`)
}

/** Devices that are told to go by a policy: svm and modules, which may refuse it. Throws when there is none among `devices`. */
export function policyTakers(devices: readonly string[]): ReadonlySet<string> {
  const takers = new Set(devices.filter((name) => name === 'svm' || !(FAMILIES as readonly string[]).includes(name)))
  if (takers.size === 0) throw new HmmError('HMM_ERR_USAGE', `no device among ${devices.join(', ')} goes by a policy: svm does`)
  return takers
}

/** `svm*2,mirror` as a list of names: one per device. */
export function parseDevices(text: string): string[] {
  return text
    .split(',')
    .filter((part) => part !== '')
    .flatMap((part) => {
      const match = /^(.+?)\*(\d+)$/.exec(part)
      return match === null ? [part] : new Array<string>(Number(match[2])).fill(match[1] as string)
    })
}
