/**
 * The kernel's selftests of reading through a device: hmm.open_close, anon_read, anon_read_prot, file_read,
 * anon_read_multiple. Expected values are the kernel's own.
 */
import { BUFFER, FIRST_I, I, read, selftests, ZEROS } from '../support/selftest.ts'

const selftest = selftests()

selftest('hmm.open_close', (k) => {
  k.does('open 0', 'close 0')
  k.answers('close 0', 'EBADF')
})

selftest('hmm.anon_read', (k) => {
  k.does(`mmap A ${BUFFER} rw private`)
  k.fill('A', I(BUFFER - 2, 2), 2)
  k.does(`mprotect A 0 ${BUFFER} r`)
  k.holds('A', ['0'], 1) // page 1 is now the zero page, page 0 is nothing yet
  k.answers(`dread 0 A 0 ${BUFFER}`, read([...ZEROS(2), ...I(BUFFER - 2, 2)]))
})

selftest('hmm.anon_read_prot', (k) => {
  k.buffer('A', I(BUFFER))
  k.does(`mprotect A 0 ${BUFFER} -`)
  k.answers(`dread 0 A 0 ${BUFFER}`, 'EFAULT cpages=0 faults=0') // and no values: the mirror buffer is untouched
  k.does(`mprotect A 0 ${BUFFER} r`)
  k.holds('A', I(BUFFER))
})

selftest('hmm.file_read', (k) => {
  k.does(`mmap F ${BUFFER} rw file-shared`) // stands for writing the file
  k.fill('F', I(BUFFER))
  k.does(`mmap A ${BUFFER} r file-shared same=F`)
  k.answers(`dread 0 A 0 ${BUFFER}`, read(I(BUFFER)))
})

const ROUNDS = 10
/** Int k of round c holds k + c: every round has other values. */
const round = (c: number, pages: number) => I(pages).map((_, p) => String(FIRST_I + p + c))

selftest('hmm.anon_read_multiple', (k) => {
  for (let c = 0; c < ROUNDS; c++) {
    k.buffer('A', round(c, BUFFER))
    k.answers(`dread 0 A 0 ${BUFFER}`, read(round(c, BUFFER)))
    k.does(`munmap A 0 ${BUFFER}`)
  }
})

// A new mapping has a place of its own in a scenario, where the kernel reuses the address. Growing into unmapped pages does too.
selftest('hmm.anon_read_multiple, at the same address', (k) => {
  k.does('mmap A 1 rw private')
  for (let c = 0; c < ROUNDS; c++) {
    k.does(`mremap A ${1 + BUFFER}`)
    k.fill('A', round(c, BUFFER), 1)
    k.answers(`dread 0 A 1 ${BUFFER}`, read(round(c, BUFFER)))
    k.does('mremap A 1')
  }
})
