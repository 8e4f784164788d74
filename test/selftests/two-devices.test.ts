/**
 * The kernel's selftests of two devices that mirror one process, fixture hmm2: snapshot, migrate_mixed, double_map. And a hole
 * behind a page that can move, which migrate_mixed means to try but does not get to: its first page fails already.
 */
import { I, moved, perms, read, selftests, ZEROS } from '../support/selftest.ts'

const selftest = selftests()

selftest('hmm2.snapshot', (k) => {
  k.does('mmap A 7 - private', 'munmap A 1 1')
  k.does('mprotect A 2 1 r')
  k.answers('load A 2', '0')
  k.does('mprotect A 3 1 rw', 'store A 3 3', 'mprotect A 3 1 r')
  k.does('mprotect A 4 3 rw', 'store A 4 3')
  k.answers('migrate_dev 0 A 5 1', moved(ZEROS(1)))
  k.answers('migrate_dev 1 A 6 1', moved(ZEROS(1)))
  k.answers('snapshot 0 A 0 7', perms('ERROR*2', 'ZERO|READ', 'READ', 'WRITE', 'DEV_PRIVATE_LOCAL|WRITE', 'NONE'))
})

selftest('hmm2.migrate_mixed', (k) => {
  k.does('mmap A 6 - private')
  k.answers('migrate_dev 1 A 0 6', 'EINVAL')
  k.does('munmap A 1 1')
  k.answers('migrate_dev 1 A 0 3', 'EINVAL')
  k.does('mprotect A 2 1 r')
  k.answers('load A 2', '0')
  k.does('mprotect A 3 1 rw', 'store A 3 3', 'mprotect A 3 1 r')
  k.does('mprotect A 4 2 rw', 'store A 4 3', 'store A 5 3')
  k.answers('migrate_dev 1 A 2 4', moved(['0', '3', '3', '3']))
  k.answers('migrate_dev 0 A 5 1', 'ENOENT') // it lives on the other device
})

selftest('hmm2.migrate_mixed, with a hole behind a page that can move', (k) => {
  k.buffer('A', I(3))
  k.does('munmap A 1 1')
  k.answers('migrate_dev 1 A 0 3', 'EINVAL')
  k.answers('snapshot 1 A 0 3', perms('DEV_PRIVATE_LOCAL|WRITE', 'ERROR', 'WRITE'))
})

selftest('hmm2.double_map', (k) => {
  k.buffer('A', I(6))
  k.does('mprotect A 0 6 r')
  k.answers('dread 0 A 0 6', read(I(6)))
  k.answers('dread 1 A 0 6', read(I(6)))
  k.answers('migrate_dev 1 A 0 6', moved(I(6)))
  k.answers('dread 0 A 0 6', read(I(6))) // pulls the pages back from device 1
})
