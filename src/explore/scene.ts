/**
 * The scene of an interleaving: beside its rows (rows.ts), what the machine looked like after each of them. Locks and who holds
 * them, sequences in words, and the entries of the CPU's and the devices' page tables, with those that are stale.
 *
 * It begins with the machine as it was when the threads started, and follows the log of steps. An access shows what its word held
 * before and after, so a word that is stored plainly under a lock is brought up to date with the next access to it. The words of a
 * page table are never stored like that while they are linked.
 *
 *   slot     a place on the page: the locks of one actor, one word, one entry of one page
 *   value    what stands there; the same value is kept once
 *   change   a slot that holds another value after a row than before it
 */
import type { WordAt } from '../../shared/memory/words.ts'
import { isInvalidating } from '../../shared/notifier/subscriptions.ts'
import type { LoggedStep } from '../../shared/seam/steplog.ts'
import { pageName } from '../../shared/seam/trace.ts'
import type { Telling } from './find.ts'
import { HeldLocks } from './heldlocks.ts'
import { cpuEntryInWords, sequenceInWords, staleness, subscriptionInWords } from './inwords.ts'
import type { Names, WordName } from './names.ts'
import { columnsOf, rowsOf } from './rows.ts'
import type { Scene, SceneRow, Slot, SlotValue } from './sceneshape.ts'

/** Words that get a place although they have no name of their own: what a page holds, words of a foreign protocol. */
const MAX_UNNAMED = 64

/** The scene of a logged run. */
export function sceneOf(told: Telling): Scene {
  const rows = rowsOf(told.steps, told.names)
  const columns = columnsOf(rows)
  const scene = new SceneBuilder(told, columns)
  let next = 0
  const shown = rows.map((row): SceneRow => {
    // An operation is announced before its first access is made; all other rows tell what has happened.
    const until = row.kind === 'operation' ? row.step - 1 : row.step
    for (; next < told.steps.length && (told.steps[next] as LoggedStep).step <= until; next++)
      scene.follow(told.steps[next] as LoggedStep)
    return {
      step: row.step,
      column: columns.indexOf(row.actor),
      kind: row.kind,
      text: row.text.trim(),
      changes: scene.takeChanges(),
    }
  })
  const { slots, values, initial } = scene
  return {
    actors: columns.map((id) => told.actorNames[id] as string),
    slots: slots.map(({ place }) => place),
    values,
    initial,
    rows: shown,
    ...(told.goesOnTo === undefined ? {} : { goesOnTo: told.goesOnTo }),
  }
}

interface LiveSlot {
  readonly place: Slot
  read(): SlotValue
}

/** An entry of a page in one table. Tables die and are made again, so `at`, its word, may move. */
interface Entry {
  at: WordAt
  readonly page: number
  readonly slot: number
}

/** Follows the steps, and says which slots changed. */
class SceneBuilder {
  readonly slots: LiveSlot[] = []
  readonly values: SlotValue[] = []
  readonly initial: number[] = []
  private readonly current: number[] = []
  private readonly valueIds = new Map<string, number>()
  /** What the words hold that slots are read from. */
  private readonly memory = new Map<WordAt, number>()
  /** Slots to look at again when a word changes. */
  private readonly dependents = new Map<WordAt, number[]>()
  private readonly entries = new Map<string, Entry>()
  private readonly entryAt = new Map<WordAt, Entry>()
  private readonly slotsOfPage = new Map<number, number[]>()
  private readonly locks: HeldLocks
  /** Word of the sequence by which one sees whether an invalidation runs; 0 if there is none. */
  private sequence: WordAt = 0
  private readonly touched = new Set<number>()

  constructor({ names, steps, holds, actorNames }: Telling, columns: readonly number[]) {
    this.locks = new HeldLocks(steps, holds)
    for (const [column, id] of columns.entries()) {
      const place: Slot = { group: 'locks', column, label: actorNames[id] as string }
      this.add(place, () => ({ text: this.locks.inWords(id) }))
    }
    const changed = changedWords(steps)
    for (const [at, word] of names.words()) if (word.role.kind !== 'other' || changed.has(at)) this.addWord(at, word)
    this.addUnnamed(changed, names)
    for (const slot of this.slots) this.initial.push(this.idOf(slot.read()))
    this.current.push(...this.initial)
  }

  /** A step has been made. */
  follow({ step, at, before, after }: LoggedStep): void {
    if (this.memory.has(at)) {
      if (this.memory.get(at) !== before) this.set(at, before)
      if (before !== after) this.set(at, after)
    }
    if (!this.locks.follow(step)) return
    for (const [index, { place }] of this.slots.entries()) if (place.group === 'locks') this.touched.add(index)
  }

  /** What changed since it was asked last. */
  takeChanges(): (readonly [number, number])[] {
    const changes: (readonly [number, number])[] = []
    for (const index of this.touched) {
      const value = this.idOf((this.slots[index] as LiveSlot).read())
      if (this.current[index] === value) continue
      this.current[index] = value
      changes.push([index, value])
    }
    this.touched.clear()
    return changes
  }

  private addWord(at: WordAt, { name, show, role, initial }: WordName): void {
    this.memory.set(at, initial)
    if (role.kind === 'cpuEntry') this.addEntry(at, role.page, 'CPU', (value) => ({ text: cpuEntryInWords(value) }))
    else if (role.kind === 'deviceEntry') {
      this.addEntry(at, role.page, `device ${role.device}`, (value) => {
        const cpu = this.entries.get(`CPU ${role.page}`)
        const running = isInvalidating(this.valueOf(this.sequence))
        const stale = cpu === undefined ? null : staleness(value, this.valueOf(cpu.at), running)
        return { text: show(value), ...(stale === null ? {} : { stale }) }
      })
    } else {
      const text = () => {
        const value = this.valueOf(at)
        if (role.kind === 'sequence') return sequenceInWords(value)
        return role.kind === 'subscription' ? subscriptionInWords(value, this.valueOf(role.of)) : show(value)
      }
      if (role.kind === 'sequence') this.sequence = at
      const slot = this.add({ group: 'words', label: name }, () => ({ text: text() }))
      this.dependOn(at, slot)
      if (role.kind === 'subscription') this.dependOn(role.of, slot)
    }
  }

  private addEntry(at: WordAt, page: number, table: string, read: (value: number) => SlotValue): void {
    const key = `${table} ${page}`
    const known = this.entries.get(key)
    if (known !== undefined) {
      // Found at two places: in the table that there was, and in the one that there is now.
      if (this.valueOf(known.at) === 0) known.at = at
      this.entryAt.set(at, known)
      return
    }
    const name = pageName(page)
    const place: Slot = { group: 'pages', page: name, table, label: `${table}, ${name}` }
    const slot = this.add(place, () => read(this.valueOf(entry.at)))
    const entry: Entry = { at, page, slot }
    this.entries.set(key, entry)
    this.entryAt.set(at, entry)
    const beside = this.slotsOfPage.get(page) ?? []
    this.slotsOfPage.set(page, beside)
    beside.push(slot)
  }

  /** Words without a name of their own that somebody changes. */
  private addUnnamed(changed: ReadonlyMap<WordAt, number>, names: Names): void {
    const unnamed = [...changed].filter(([at]) => !this.memory.has(at) && names.of(at) !== null).sort(([a], [b]) => a - b)
    for (const [at, initial] of unnamed.slice(0, MAX_UNNAMED)) this.addWord(at, { ...(names.of(at) as WordName), initial })
  }

  private add(place: Slot, read: () => SlotValue): number {
    return this.slots.push({ place, read }) - 1
  }

  private dependOn(at: WordAt, slot: number): void {
    const slots = this.dependents.get(at) ?? []
    this.dependents.set(at, slots)
    slots.push(slot)
  }

  private valueOf(at: WordAt): number {
    return this.memory.get(at) ?? 0
  }

  private set(at: WordAt, value: number): void {
    this.memory.set(at, value)
    for (const slot of this.dependents.get(at) ?? []) this.touched.add(slot)
    if (at === this.sequence) for (const slots of this.slotsOfPage.values()) for (const slot of slots) this.touched.add(slot)
    const entry = this.entryAt.get(at)
    if (entry === undefined) return
    if (value !== 0) entry.at = at
    // Whether a device's entry is stale depends on the CPU's entry of its page.
    for (const slot of this.slotsOfPage.get(entry.page) ?? []) this.touched.add(slot)
  }

  private idOf(value: SlotValue): number {
    const key = `${value.text}\n${value.stale ?? ''}`
    const known = this.valueIds.get(key)
    if (known !== undefined) return known
    const id = this.values.push(value) - 1
    this.valueIds.set(key, id)
    return id
  }
}

/** Words that somebody changes, and what they held when they were looked at first. */
function changedWords(steps: readonly LoggedStep[]): ReadonlyMap<WordAt, number> {
  const first = new Map<WordAt, number>()
  const changed = new Set<WordAt>()
  for (const { at, before, after } of steps) {
    if (!first.has(at)) first.set(at, before)
    if (before !== after) changed.add(at)
  }
  return new Map([...first].filter(([at]) => changed.has(at)))
}
