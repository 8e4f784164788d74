/** Scenes in less space, for the page. */
import type { Scene } from '../explore/sceneshape.ts'
import { type PackedScene, ROW_KINDS } from './model.ts'

/** The same scene, each text once and each row a list of numbers. */
export function pack({ rows, ...scene }: Scene): PackedScene {
  const texts: string[] = []
  const ids = new Map<string, number>()
  const idOf = (text: string) => {
    const known = ids.get(text)
    if (known !== undefined) return known
    ids.set(text, texts.length)
    return texts.push(text) - 1
  }
  return {
    ...scene,
    rows: rows.map(({ step, column, kind, text, changes }) => [
      step,
      column,
      ROW_KINDS.indexOf(kind),
      idOf(text),
      ...changes.flat(),
    ]),
    texts,
  }
}
