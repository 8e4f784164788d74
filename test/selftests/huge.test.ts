/**
 * The kernel's selftests on huge pages, as far as they do not ask for huge pages in the device's memory (README.md lists those
 * that do): hmm.anon_write_huge, anon_write_hugetlbfs, anon_write_child, compound, migrate_anon_huge_empty,
 * migrate_anon_huge_zero, migrate_anon_huge_free, migrate_anon_huge_fault, migrate_partial_unmap_fault, migrate_remap_fault.
 */
import { FIRST_I, FIRST_MINUS_I, I, MINUS_I, moved, perms, type Script, selftests, wrote, ZEROS } from '../support/selftest.ts'

const selftest = selftests()

/** Pages of a huge page. */
const HUGE = 512

selftest('hmm.anon_write_huge', (k) => {
  k.does(`mmap A ${HUGE} rw private thp`)
  k.answers(`dwrite 0 A 0 ${HUGE} ${FIRST_I}`, wrote(HUGE))
  k.holds('A', I(HUGE))
})

selftest('hmm.anon_write_hugetlbfs', (k) => {
  k.does(`mmap A ${HUGE} rw private hugetlb`)
  k.answers(`dwrite 0 A 0 ${HUGE} ${FIRST_I}`, wrote(HUGE))
  k.holds('A', I(HUGE))
})

for (const migrate of [false, true]) {
  selftest(`hmm.anon_write_child, huge, ${migrate ? 'migrated' : 'not migrated'}`, (k) => {
    thp(k)
    if (migrate) k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(I(HUGE)))
    k.answers('fork', 'ok P1')
    k.does('proc 1')
    k.holds('A', I(HUGE))
    k.answers(`dwrite 0 A 0 ${HUGE} ${FIRST_MINUS_I}`, wrote(HUGE))
    k.holds('A', MINUS_I(HUGE))
    k.does('exit 1', 'proc 0')
    k.holds('A', I(HUGE))
  })
}

selftest('hmm.compound', (k) => {
  k.does(`mmap A ${HUGE} rw private hugetlb`)
  k.fill('A', I(HUGE))
  k.answers(`snapshot 0 A 0 ${HUGE}`, perms(`PMD|WRITE*${HUGE}`))
  k.does(`mprotect A 0 ${HUGE} r`)
  k.answers(`snapshot 0 A 0 ${HUGE}`, perms(`PMD|READ*${HUGE}`))
})

selftest('hmm.migrate_anon_huge_empty', (k) => {
  k.does(`mmap A ${HUGE} r private thp`)
  k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(ZEROS(HUGE)))
})

selftest('hmm.migrate_anon_huge_zero', (k) => {
  k.does(`mmap A ${HUGE} r private thp`)
  k.holds('A', ['0']) // maps the huge zero page
  k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(ZEROS(HUGE)))
  k.holds('A', ZEROS(HUGE))
})

selftest('hmm.migrate_anon_huge_free', (k) => {
  thp(k)
  k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(I(HUGE)))
  k.does(`madvise A 0 ${HUGE} free`, `munmap A 0 ${HUGE}`)
})

selftest('hmm.migrate_anon_huge_fault', (k) => {
  k.buffer('A', I(HUGE))
  k.does(`madvise A 0 ${HUGE} collapse`)
  k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(I(HUGE)))
  k.holds('A', I(HUGE))
})

for (const offset of [0, HUGE / 4, HUGE / 2]) {
  selftest(`hmm.migrate_partial_unmap_fault, huge, hole at ${offset}`, (k) => {
    thp(k)
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
    selftest(`hmm.migrate_remap_fault, huge, ${mode} ${before ? 'before' : 'after'} it is migrated`, (k) => {
      thp(k)
      if (before) k.does(`mremap A ${HUGE} ${mode}`)
      k.answers(`migrate_dev 0 A 0 ${HUGE}`, moved(I(HUGE)))
      if (!before) k.does(`mremap A ${HUGE} ${mode}`)
      k.holds('A', I(HUGE))
    })
  }
}

/** A: one huge page, filled. */
function thp(k: Script): void {
  k.does(`mmap A ${HUGE} rw private thp`)
  k.fill('A', I(HUGE))
}
