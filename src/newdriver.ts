/**
 * `newDriver`: a driver to start from, in a folder of its own. What is written is a copy of templates/driver, real files that are linted,
 * checked and run where they lie, with the new name in the place of theirs. A lesson is the same with one edit, and a page that tells it.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HmmError } from '../shared/seam/error.ts'
import { dependencySpec } from './dependency.ts'
import { LESSON } from './lesson.ts'
import { applyEdit } from './races/edit.ts'
import { packageUrl } from './version.ts'

/** Where the folder of a new driver goes. */
export interface NewDriverOptions {
  /** Where the driver's folder is put. Default: the current folder. */
  readonly out?: string
  /** With one mistake to find, and LESSON.md about it. Default false. */
  readonly lesson?: boolean
}

/** What was written. */
export interface NewDriver {
  /** The driver's folder. */
  readonly folder: string
  /** Names of the files in it. */
  readonly files: readonly string[]
}

const TEMPLATES = packageUrl('templates/driver/')
const LESSON_TEMPLATES = packageUrl('templates/lesson/')
/** What the templates say where the name goes, and where this package is had from. */
const NAME = 'my-driver'
const VERSION = 'VERSION'
/** Under its own name it would cut the templates off from the package they are in. */
const PACKAGE = 'package.template.json'

/**
 * Writes a driver called `name` into a new folder of that name. Throws HMM_ERR_USAGE for a bad name and a folder that is there already,
 * HMM_ERR_OUTPUT when it cannot be written.
 */
export function newDriver(name: string, { out = '.', lesson = false }: NewDriverOptions = {}): NewDriver {
  checkName(name)
  const folder = join(out, name)
  if (existsSync(folder)) throw new HmmError('HMM_ERR_USAGE', `${folder} is there already, and nothing was written`)
  const files = [TEMPLATES, ...(lesson ? [LESSON_TEMPLATES] : [])]
    .flatMap((templates) => readdirSync(templates).map((template) => new URL(template, templates)))
    .map((template) => filled(template, name, lesson))
    .sort((a, b) => a.file.localeCompare(b.file))
  try {
    makeFolder(folder)
    for (const { file, text } of files) writeFileSync(join(folder, file), text)
  } catch (error) {
    throw new HmmError('HMM_ERR_OUTPUT', `${folder} could not be written: ${error instanceof Error ? error.message : error}`)
  }
  return { folder, files: files.map(({ file }) => file) }
}

/** Step by step: where the host lets nobody make a folder (/proc), making all of them at once does not return (Node 20). */
function makeFolder(folder: string): void {
  const parent = dirname(folder)
  if (!existsSync(parent)) makeFolder(parent)
  mkdirSync(folder)
}

/** A file of the templates, as it is written. */
function filled(template: URL, name: string, lesson: boolean): { readonly file: string; readonly text: string } {
  const path = fileURLToPath(template)
  const text = readFileSync(path, 'utf8')
  const taught = lesson && template.href === packageUrl(LESSON.file).href ? applyEdit(LESSON, text) : text
  return {
    file: basename(path) === PACKAGE ? 'package.json' : basename(path).replace(NAME, name),
    text: taught.replaceAll(NAME, name).replace(VERSION, dependencySpec()),
  }
}

/** It becomes a folder, a package, a scenario and a string in the driver. */
function checkName(name: string): void {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name))
    throw new HmmError(
      'HMM_ERR_USAGE',
      `a driver is called by 1 to 40 small letters, digits and hyphens, a letter first, not ${JSON.stringify(name)}`,
    )
  if (name === 'hmm-runtime')
    throw new HmmError('HMM_ERR_USAGE', 'a driver is not called hmm-runtime: that is what it depends on')
}
