/**
 * The kernel's selftests of migration to one device and back: hmm.migrate, migrate_file_private, migrate_fault,
 * migrate_release, migrate_shared, migrate_multiple, and of migrated memory that is then unmapped in part or moved
 * (migrate_partial_unmap_fault, migrate_remap_fault; small pages only, huge.test.ts has the others).
 */
import { BUFFER, I, moved, selftests } from '../support/selftest.ts'

const selftest = selftests()
const HALF = BUFFER / 2
/** Pages of a 2 MiB piece. */
const HUGE = 512

selftest('hmm.migrate', (k) => {
  k.buffer('A', I(BUFFER))
  k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
})

selftest('hmm.migrate_file_private', (k) => {
  k.does(`mmap A ${BUFFER} rw file-private`)
  k.fill('A', I(BUFFER)) // so that they are copies of the file's pages, anonymous
  k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
})

selftest('hmm.migrate_fault', (k) => {
  k.buffer('A', I(BUFFER))
  k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
  k.holds('A', I(HALF)) // half of it comes back page by page
  k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
})

selftest('hmm.migrate_release', (k) => {
  k.buffer('A', I(BUFFER))
  k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
  k.does('release 0')
  k.holds('A', I(HALF))
})

selftest('hmm.migrate_shared', (k) => {
  k.does(`mmap A ${BUFFER} rw shared`)
  k.answers(`migrate_dev 0 A 0 ${BUFFER}`, 'ENOENT')
})

selftest('hmm.migrate_multiple', (k) => {
  for (let round = 0; round < 10; round++) {
    k.buffer('A', I(BUFFER))
    k.answers(`migrate_dev 0 A 0 ${BUFFER}`, moved(I(BUFFER)))
    k.holds('A', I(BUFFER))
    k.does(`munmap A 0 ${BUFFER}`)
  }
})

for (const offset of [0, HUGE / 4, HUGE / 2]) {
  selftest(`hmm.migrate_partial_unmap_fault, small pages, hole at ${offset}`, (k) => {
    k.does(`mmap A ${HUGE} rw private`, `madvise A 0 ${HUGE} nohugepage`)
    k.fill('A', I(HUGE))
    k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(I(HUGE)))
    k.does(`munmap A ${offset} ${HUGE / 2}`)
    const end = offset + HUGE / 2
    k.holds('A', I(offset))
    for (const page of [offset, end - 1]) k.answers(`load A ${page}`, 'SIGSEGV')
    k.holds('A', I(HUGE - end, end), end)
  })
}

for (const mode of ['move', 'dontunmap']) {
  for (const before of [true, false]) {
    selftest(`hmm.migrate_remap_fault, small pages, ${mode} ${before ? 'before' : 'after'} it is migrated`, (k) => {
      k.does(`mmap A ${HUGE} rw private`, `madvise A 0 ${HUGE} nohugepage`)
      k.fill('A', I(HUGE))
      if (before) k.does(`mremap A ${HUGE} ${mode}`)
      k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(I(HUGE)))
      if (!before) k.does(`mremap A ${HUGE} ${mode}`)
      k.holds('A', I(HUGE))
    })
  }
}
