/**
 * A record whose address is in a word, 0 when there is none: what the drivers of several races keep one of in each mirror. It is made and
 * taken out by compare-and-exchange, so that it has one owner at a time, whoever holds which lock.
 */
import { type DeviceContext, EBUSY, ENOMEM, type WordAt } from 'hmm-runtime/driver'

/** Puts a new record, all 0, into the word at `at`; `first` is its word 0. 0, -ENOMEM, or -EBUSY when there is one. Not in a callback. */
export function putRecord(dev: DeviceContext, at: WordAt, first = 0): number {
  const record = dev.records.alloc()
  if (record === 0) return -ENOMEM
  dev.store(record, first)
  if (dev.cas(at, 0, record) === 0) return 0
  dev.records.free(record)
  return -EBUSY
}

/** Takes the record out of the word: it is the caller's. 0 when there is none, or somebody else took it. */
export function takeRecord(dev: DeviceContext, at: WordAt): WordAt {
  const record = dev.load(at)
  return record !== 0 && dev.cas(at, record, 0) === record ? record : 0
}
