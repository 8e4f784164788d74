/**
 * The kernel's selftests of exclusive access: hmm.exclusive, exclusive_mprotect, exclusive_cow; and of copy-on-write with pages
 * in device memory: hmm_cow_in_device.
 */
import { BUFFER, FIRST_I, I, moved, perms, selftests } from '../support/selftest.ts'

const selftest = selftests()
/** What a buffer that was filled with i holds once every int is incremented. */
const INCREMENTED = I(BUFFER).map((value) => String(Number(value) + 1))

selftest('hmm.exclusive', (k) => {
  k.buffer('A', I(BUFFER))
  k.answers(`exclusive 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
  for (const [page, value] of I(BUFFER).entries()) {
    k.holds('A', [value], page)
    k.fill('A', [INCREMENTED[page] as string], page)
  }
  k.holds('A', INCREMENTED)
  k.does(`check_exclusive 0 A 0 ${BUFFER}`) // all are given back
})

selftest('hmm.exclusive_mprotect', (k) => {
  k.buffer('A', I(BUFFER))
  k.answers(`exclusive 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
  k.does(`mprotect A 0 ${BUFFER} r`)
  k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_I}`, 'EPERM cpages=0 faults=0')
})

selftest('hmm.exclusive_cow', (k) => {
  k.buffer('A', I(BUFFER))
  k.answers(`exclusive 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
  k.answers('fork', 'ok P1')
  for (const process of [1, 0]) {
    k.does(`proc ${process}`)
    k.holds('A', I(BUFFER))
    k.fill('A', INCREMENTED)
    k.holds('A', INCREMENTED)
  }
})

selftest('hmm.hmm_cow_in_device', (k) => {
  k.buffer('A', I(4))
  k.answers('migrate_dev 0 A 0 4', moved(I(4)))
  k.answers('fork', 'ok P1')
  k.fill('A', I(4))
  k.does('exit 1')
  k.answers('snapshot 0 A 0 4', perms('WRITE*4'))
})
