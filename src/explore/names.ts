/**
 * Names of words, for people: what a word of the buffer is, and what its value means. Looked up in the machine as it was when the
 * threads started and as it is at the end, because what is between may have been made or freed meanwhile. Words without a name
 * here are the machinery below the protocol (allocators, queues, rings): they are not shown.
 */

import { runMm } from '../../shared/actor/rendezvous.ts'
import { foreignAt, handlesOnStage, mirrorsOnStage } from '../../shared/actor/stage.ts'
import { flushGenerationAt, replayAt } from '../../shared/device/record.ts'
import { type Frame, frameData } from '../../shared/frame/frames.ts'
import { type Hmm, hmmNotifiersAt, NO_HMM, notifiersIn } from '../../shared/hmm/hmm.ts'
import { mirrorRoot, mirrorSub } from '../../shared/hmm/mirror.ts'
import {
  MIRROR_VALID_DMA,
  type MirrorPte,
  mirrorPteDma,
  mirrorPteFrame,
  mirrorValid,
  mirrorWritable,
} from '../../shared/hmm/mirrorpte.ts'
import { mirrorWalk } from '../../shared/hmm/mirrortable.ts'
import { regionAt, regionWords } from '../../shared/memory/regions.ts'
import { PAGE_WORDS, type WordAt } from '../../shared/memory/words.ts'
import { mmFlushGen, mmRoot } from '../../shared/mm/mm.ts'
import { entryAt, findLeaf, LEAF_LEVEL, NO_TABLE } from '../../shared/mm/pagetable.ts'
import { pteFrame, ptePresent, pteWritable } from '../../shared/mm/pte.ts'
import { type Mm, mmapSem, mmHmmAt, mmSubscriptions } from '../../shared/notifier/mmhead.ts'
import { actorAt, actorName, INSIDE } from '../../shared/seam/actors.ts'
import { get } from '../../shared/seam/plain.ts'
import { ACTOR_COUNT_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { pageName } from '../../shared/seam/trace.ts'
import { rcuReadLock, rcuReadUnlock } from '../../shared/sync/rcu.ts'

/** What a word is to the protocol, where the report page has a place for it. */
export type Role =
  | { readonly kind: 'sequence' }
  /** The sequence of a device's subscription; `of` is the word of the sequence that it is taken from. */
  | { readonly kind: 'subscription'; readonly of: WordAt }
  | { readonly kind: 'cpuEntry'; readonly page: number }
  | { readonly kind: 'deviceEntry'; readonly page: number; readonly device: number }
  | { readonly kind: 'other' }

export interface WordName {
  readonly name: string
  /** What a value of the word means. */
  show(value: number): string
  readonly role: Role
  /** What it held when the threads started; 0 if it was another word then. */
  readonly initial: number
}

/** Pages of one handle that get names. */
const MAX_NAMED_PAGES = 64
const OTHER: Role = { kind: 'other' }

export class Names {
  private readonly known = new Map<WordAt, WordName>()
  private readonly task: Task
  private readonly first: Task
  /** The view that is looked around in. */
  private learning: Task
  private readonly foreign: boolean

  /** `states` are views of the same machine at several moments, first when the threads started; `foreign`: a protocol of somebody else's was explored. */
  constructor(states: readonly Task[], foreign: boolean) {
    this.task = states.at(-1) as Task
    this.first = states[0] as Task
    this.learning = this.first
    this.foreign = foreign
    for (const state of states) this.learn(state)
  }

  /** The words of the machine that have names of their own. */
  words(): ReadonlyMap<WordAt, WordName> {
    return this.known
  }

  /** The name of a word, or null for machinery. */
  of(at: WordAt): WordName | null {
    const known = this.known.get(at)
    if (known !== undefined) return known
    const { words } = this.task
    if (this.foreign) {
      const first = foreignAt(words)
      const end = regionAt(words, 'programs') + regionWords(words, 'programs')
      if (at >= first && at < end) return { name: `word ${at - first}`, show: String, role: OTHER, initial: 0 }
      // Nobody can say what a protocol keeps in objects of the core: they are shown by their place.
      const heap = regionAt(words, 'heap')
      const within = at >= heap && at < heap + regionWords(words, 'heap')
      return within ? { name: `heap word ${at - heap}`, show: String, role: OTHER, initial: 0 } : null
    }
    const bytes = regionAt(words, 'bytes')
    if (at >= bytes && at < bytes + regionWords(words, 'bytes')) {
      const frame = Math.floor((at - bytes) / PAGE_WORDS)
      const name = `frame ${frame}, word ${(at - bytes) % PAGE_WORDS}`
      return { name, show: (value) => String(value >>> 0), role: OTHER, initial: 0 }
    }
    return null
  }

  private learn(state: Task): void {
    this.learning = state
    const { words } = state
    for (let id = 0; id < (words[ACTOR_COUNT_AT] as number); id++) {
      this.name(actorAt(words, id) + INSIDE, `${actorName(words, id)} is inside an access`, (value) => (value & 1 ? 'yes' : 'no'))
    }
    const mm = runMm(state)
    if (mm === 0) return
    this.name(mmapSem(mm), 'mmap_sem', semaphore)
    const subs = mmSubscriptions(mm)
    this.name(subs + 1, 'invalidation sequence', String, { kind: 'sequence' })
    const hmm = get(state, mmHmmAt(mm)) as Hmm
    if (hmm !== NO_HMM) this.name(hmmNotifiersAt(hmm), 'invalidations that run', (value) => String(notifiersIn(value)))
    this.name(mmFlushGen(mm), 'CPU flush generation', String)
    for (const [device, mirror] of mirrorsOnStage(words, 0)) {
      this.name(mirrorSub(mirror) + 6, `sequence of device ${device}`, String, { kind: 'subscription', of: subs + 1 })
      this.name(mirror + 16, `update lock of device ${device}`, (value) => owner(state, value))
      this.name(flushGenerationAt(state, device), `flush generation of device ${device}`, String)
      this.name(replayAt(state, device), `replays of device ${device}`, String)
    }
    for (const { start, pages } of handlesOnStage(words, 0).values()) {
      for (let vpn = start; vpn < start + Math.min(pages, MAX_NAMED_PAGES); vpn++) this.learnPage(state, mm, vpn)
    }
  }

  private learnPage(state: Task, mm: Mm, vpn: number): void {
    rcuReadLock(state)
    const leaf = findLeaf(state, mmRoot(state, mm), vpn)
    if (leaf !== NO_TABLE)
      this.name(entryAt(leaf, LEAF_LEVEL, vpn), `page table entry of ${pageName(vpn)}`, cpuEntry, { kind: 'cpuEntry', page: vpn })
    for (const [device, mirror] of mirrorsOnStage(state.words, 0)) {
      const at = mirrorWalk(state, mirrorRoot(state, mirror), vpn)
      const name = `device ${device}'s entry of ${pageName(vpn)}`
      if (at !== 0) this.name(at, name, deviceEntry, { kind: 'deviceEntry', page: vpn, device })
    }
    rcuReadUnlock(state)
  }

  private name(at: WordAt, name: string, show: (value: number) => string, role: Role = OTHER): void {
    const same = this.known.get(at)?.name === name ? this.known.get(at) : undefined
    const initial = this.learning === this.first ? (this.first.words[at] as number) : (same?.initial ?? 0)
    this.known.set(at, { name, show, role, initial })
  }

  /** First word of a frame's bytes. */
  dataOf(frame: number): WordAt {
    return frameData(this.task, frame as Frame)
  }
}

function cpuEntry(entry: number): string {
  if (entry === 0) return 'none'
  if (!ptePresent(entry)) return `not present (${entry >>> 0})`
  return `frame ${pteFrame(entry)}, ${pteWritable(entry) ? 'rw' : 'r'}`
}

function deviceEntry(entry: number): string {
  const pte = entry as MirrorPte
  if (!mirrorValid(pte)) return 'none'
  const page = (pte & MIRROR_VALID_DMA) === 0 ? `frame ${mirrorPteFrame(pte)}` : `I/O page ${mirrorPteDma(pte)}`
  return `${page}, ${mirrorWritable(pte) ? 'rw' : 'r'}`
}

function semaphore(count: number): string {
  const parts = [
    ...(count & 1 ? ['a writer'] : []),
    ...(count >> 8 > 0 ? [`${count >> 8} reader${count >> 8 > 1 ? 's' : ''}`] : []),
    ...(count & 2 ? ['somebody waits'] : []),
  ]
  return parts.length === 0 ? 'free' : parts.join(', ')
}

function owner(state: Task, word: number): string {
  const id = (word & 255) - 1
  return id < 0 ? 'free' : `held by ${actorName(state.words, id)}`
}
