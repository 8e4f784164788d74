/** Options that several verbs share, with the sentences for wrong values. */
import { InvalidArgumentError, Option } from 'commander'
import { ERAS } from '../../shared/hmm/era.ts'
import { MIRROR_RECLAIMS } from '../../shared/hmm/mirrorreclaim.ts'

export function jsonOption(): Option {
  return new Option('--json <file>', 'write the result as a JSON document; - writes it to stdout, and the text to stderr')
}

export function seedOption(): Option {
  return new Option('--seed <n>', 'seed of everything that is left to chance')
    .argParser(whole('a seed', 0, 0xffffffff))
    .default(1)
}

export function notifyOption(): Option {
  return new Option('--notify <where>', 'where callbacks of an invalidation run')
    .choices(['dispatcher', 'inline'])
    .default('dispatcher')
}

export function jobsOption(description: string): Option {
  return new Option('--jobs <n>', description).argParser(whole('the number of jobs', 1, 256))
}

export function eraOption(): Option {
  return new Option('--era <era>', 'protocol that the drivers run on').choices(ERAS)
}

export function mirrorReclaimOption(): Option {
  return new Option('--mirror-reclaim <when>', 'when empty directories of mirror page tables die')
    .choices(MIRROR_RECLAIMS)
    .default('immediate')
}

export function enginesOption(): Option {
  return new Option('--engines <n>', 'engine workers alive in each machine')
    .argParser(whole('the number of engines', 1, 8))
    .default(2)
}

/** A whole number from `min` to `max`. */
export function whole(name: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`${name} is a whole number from ${min} to ${max}.`)
    return value
  }
}

/** A number from `min` to `max`, exclusive of `min` if it is 0 and `positive`. */
export function number(name: string, min: number, max: number, positive = false): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() === '' || !Number.isFinite(value) || value < min || value > max || (positive && value <= 0)) {
      throw new InvalidArgumentError(
        `${name} is a number ${positive ? 'above' : 'from'} ${min}${positive ? ', up to' : ' to'} ${max}.`,
      )
    }
    return value
  }
}

/** `64M`, `1G`, `262144`: bytes. */
export function bytes(text: string): number {
  const match = /^(\d+)([KMG]?)$/.exec(text)
  if (match === null) throw new InvalidArgumentError('memory is a whole number of bytes, or one followed by K, M or G.')
  return Number(match[1]) * { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 }[match[2] as '' | 'K' | 'M' | 'G']
}
