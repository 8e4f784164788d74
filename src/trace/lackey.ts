/**
 * What Valgrind's lackey prints with --trace-mem=yes: an access a line, between lines of Valgrind's own.
 *
 *   I  0401ab70,3        instruction fetch of 3 bytes
 *    L 1fff000778,8      load
 *    S 1fff000770,8      store
 *    M 0010f0a4,4        modify: load and store of the same bytes by one instruction
 *   ==8849== Command: sort LICENSE
 */
import { hexAddress, MAX_ACCESS_BYTES, parseSize, type TraceAccess, type TraceOp } from './access.ts'

const OPS: Readonly<Record<string, TraceOp>> = { 'I ': 'fetch', ' L': 'load', ' S': 'store', ' M': 'modify' }
const ACCESS = /^(I | L| S| M) ([0-9a-fA-F]+),([0-9]+)$/
/** `==PID==` in front of its messages, `--PID--` of what it says with -v, `**PID**` of what the traced program says to it. */
const NOISE = /^(==|--|\*\*)[0-9]+\1/

/** Could `line` be one of lackey's? */
export function isLackey(line: string): boolean {
  return NOISE.test(line) || /^(I | L| S| M) /.test(line)
}

/** The access of a line, null for one without, or a sentence about what is wrong with it. */
export function parseLackey(line: string): TraceAccess | null | string {
  const match = ACCESS.exec(line)
  if (match === null) {
    if (line === '' || NOISE.test(line)) return null
    return `${JSON.stringify(line)} is no access of lackey (\`I  ADDRESS,SIZE\`, or L, S, M) and no message of Valgrind; record with --log-file, so that nothing else is in the trace`
  }
  const [, kind = '', digits = '', bytes = ''] = match
  const address = hexAddress(digits)
  if (address === null) return `${JSON.stringify(digits)} is no address of 64 bits`
  const size = parseSize(bytes)
  if (size === null) return `an access has 1 to ${MAX_ACCESS_BYTES} bytes, not ${bytes}`
  return { op: OPS[kind] as TraceOp, ...address, size }
}
