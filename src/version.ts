/** The version of this package, from its package.json, built or not. */
import { readFileSync } from 'node:fs'

export function version(): string {
  const root = new URL(import.meta.url.includes('/dist/') ? '../../package.json' : '../package.json', import.meta.url)
  return (JSON.parse(readFileSync(root, 'utf8')) as { version: string }).version
}
