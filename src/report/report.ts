/**
 * `report`: one self-contained page of what a document says. Finds are run again, by the token that the document carries, so that their
 * page shows every step with the state of the machine; so it takes the build that made them. Where that cannot be done the page
 * says why, and has the table that was printed.
 */
import { z } from 'zod'
import { parseFile } from '../documentfile.ts'
import {
  benchDocument,
  bugsDocument,
  type DocumentVerb,
  documents,
  exploreDocument,
  replayDocument,
  runDocument,
  stressDocument,
} from '../documents.ts'
import { InputError } from '../scenario/error.ts'
import { version } from '../version.ts'
import { benchPage } from './benched.ts'
import { explorePage, replayPage } from './explored.ts'
import { renderPage } from './html.ts'
import { bugsPage, runPage } from './listed.ts'
import type { PageModel } from './model.ts'
import { stressPage } from './stressed.ts'

const reportable = z.discriminatedUnion('verb', [
  runDocument,
  stressDocument,
  exploreDocument,
  replayDocument,
  bugsDocument,
  benchDocument,
])

/** The page of a document, given as such or by the name of its file. Throws InputError for what is no document of this version. */
export async function report(source: string | object): Promise<string> {
  const file = typeof source === 'string' ? source : 'the document'
  return renderPage(await modelOf(checked(file, typeof source === 'string' ? parseFile(source) : source)))
}

function checked(file: string, json: object): z.infer<typeof reportable> {
  const { schema, version: writer } = json as { schema?: unknown; version?: unknown }
  const known = (Object.keys(documents) as DocumentVerb[]).map((verb) => `hmm-runtime/${verb}/1`)
  if (!known.includes(schema as string))
    throw new InputError(file, 0, `is no result of hmm: its schema is ${JSON.stringify(schema)}, not one of ${known.join(', ')}`)
  if (writer !== version()) throw new InputError(file, 0, `was written by version ${writer}, and this is ${version()}`)
  const parsed = reportable.safeParse(json)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new InputError(file, 0, `${issue?.path.join('.')}: ${issue?.message}`)
}

function modelOf(document: z.infer<typeof reportable>): PageModel | Promise<PageModel> {
  switch (document.verb) {
    case 'run':
      return runPage(document)
    case 'stress':
      return stressPage(document)
    case 'explore':
      return explorePage(document)
    case 'replay':
      return replayPage(document)
    case 'bugs':
      return bugsPage(document)
    case 'bench':
      return benchPage(document)
  }
}
