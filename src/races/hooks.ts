/** Module hooks of a worker with an edit (node:module register): the named file's text is edited as it is loaded. */
import { applyEdit, type CoreEdit } from './edit.ts'

let edit: CoreEdit | null = null

export function initialize(data: CoreEdit): void {
  edit = data
}

interface Loaded {
  readonly source?: string | ArrayBuffer | Uint8Array
}

/** Hands every module on as it is, but one. */
export async function load<L extends Loaded>(
  url: string,
  context: unknown,
  next: (url: string, context: unknown) => Promise<L>,
): Promise<L> {
  const loaded = await next(url, context)
  if (edit === null || !url.endsWith(`/${edit.file}`)) return loaded
  return { ...loaded, source: applyEdit(edit, new TextDecoder().decode(toBytes(loaded.source))) }
}

function toBytes(source: Loaded['source']): Uint8Array {
  if (typeof source === 'string') return new TextEncoder().encode(source)
  if (source instanceof Uint8Array) return source
  return source === undefined ? new Uint8Array() : new Uint8Array(source)
}
