/**
 * The kernel's selftests of writing through a device: hmm.anon_write, anon_write_prot, file_write, and the two that write from
 * a child: anon_write_child (small pages; huge.test.ts has the others), anon_write_child_shared.
 */
import { BUFFER, FIRST_I, FIRST_MINUS_I, I, MINUS_I, moved, read, selftests, wrote, ZEROS } from '../support/selftest.ts'

const selftest = selftests()

selftest('hmm.anon_write', (k) => {
  k.does(`mmap A ${BUFFER} rw private`)
  k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_I}`, wrote(BUFFER))
  k.holds('A', I(BUFFER))
})

selftest('hmm.anon_write_prot', (k) => {
  k.does(`mmap A ${BUFFER} r private`)
  k.answers('dread 0 A 0 1', read(['0']))
  k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_I}`, 'EPERM cpages=0 faults=0')
  k.holds('A', ZEROS(BUFFER))
  k.does(`mprotect A 0 ${BUFFER} rw`)
  k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_I}`, wrote(BUFFER)) // the zero pages are replaced
  k.holds('A', I(BUFFER))
})

selftest('hmm.file_write', (k) => {
  k.does(`mmap A ${BUFFER} rw file-shared`)
  k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_I}`, wrote(BUFFER))
  k.holds('A', I(BUFFER))
  k.does(`mmap F ${BUFFER} r file-shared same=A`) // stands for reading the file
  k.holds('F', I(BUFFER))
})

for (const migrate of [false, true]) {
  selftest(`hmm.anon_write_child, ${migrate ? 'migrated' : 'not migrated'}`, (k) => {
    k.buffer('A', I(BUFFER))
    if (migrate) k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
    k.answers('fork', 'ok P1')
    k.does('proc 1')
    k.holds('A', I(BUFFER)) // this brings a migrated page home, or the write below would fail on a read-only device page
    k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_MINUS_I}`, wrote(BUFFER))
    k.holds('A', MINUS_I(BUFFER))
    k.does('exit 1', 'proc 0')
    k.holds('A', I(BUFFER))
  })
}

selftest('hmm.anon_write_child_shared', (k) => {
  k.does(`mmap A ${BUFFER} rw shared`)
  k.fill('A', I(BUFFER))
  k.answers('fork', 'ok P1')
  k.does('proc 1')
  k.holds('A', I(BUFFER))
  k.answers(`dwrite 0 A 0 ${BUFFER} ${FIRST_MINUS_I}`, wrote(BUFFER))
  k.holds('A', MINUS_I(BUFFER))
  k.does('exit 1', 'proc 0')
  k.holds('A', MINUS_I(BUFFER))
})
