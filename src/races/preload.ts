/** Loaded into a worker before anything else: from here on the file that an edit names is read as edited. */
import { register } from 'node:module'

const edit: unknown = JSON.parse(new URL(import.meta.url).searchParams.get('edit') ?? 'null')
register('./hooks.js', { parentURL: import.meta.url, data: edit })
