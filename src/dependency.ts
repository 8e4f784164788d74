/**
 * What a package that is written here says it depends on, so that `npm install` gets what wrote it: a checkout by its folder, an installed
 * package by what it was installed from.
 */
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageUrl, version } from './version.ts'

/** The specifier, as it stands in `dependencies` of a package.json. `root`: the package's own folder. */
export function dependencySpec(root: string = fileURLToPath(packageUrl('.'))): string {
  const modules = dirname(resolve(root))
  if (basename(modules) !== 'node_modules') return `file:${resolve(root)}`
  const from = installedFrom(modules)
  if (from === undefined || /\/-\/hmm-runtime-[^/]+\.tgz$/.test(from)) return version() // a registry's
  if (!from.startsWith('file:')) return from
  const file = resolve(dirname(modules), from.slice('file:'.length))
  return existsSync(file) ? `file:${file}` : version()
}

/** What npm noted when it installed the package into this node_modules; undefined if another tool did. */
function installedFrom(modules: string): string | undefined {
  try {
    const lock: { packages?: Record<string, { resolved?: string }> } = JSON.parse(
      readFileSync(join(modules, '.package-lock.json'), 'utf8'),
    )
    return lock.packages?.['node_modules/hmm-runtime']?.resolved
  } catch {
    return undefined
  }
}
