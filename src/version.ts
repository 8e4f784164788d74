/** This package as it lies on disk, built or not: its files, and the version in its package.json. */
import { readFileSync } from 'node:fs'

/** A file or folder of the package, by its path from the package's root. */
export function packageUrl(path: string): URL {
  return new URL(path, new URL(import.meta.url.includes('/dist/') ? '../../' : '../', import.meta.url))
}

export function version(): string {
  return (JSON.parse(readFileSync(packageUrl('package.json'), 'utf8')) as { version: string }).version
}
