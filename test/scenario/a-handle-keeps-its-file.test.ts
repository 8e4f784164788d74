/**
 * Does `same=H` find H's file when nothing of H is mapped any more? A handle is like an open file of the process: fork passes it
 * on, and the file goes with the last of them.
 */
import { selftests } from '../support/selftest.ts'

const scenario = selftests()

scenario('after munmap of all of it', (k) => {
  k.does('mmap A 2 rw memfd', 'store A 1 7', 'munmap A 0 2')
  k.does('mmap B 2 rw memfd same=A')
  k.answers('load B 1', '7')
})

scenario('not the file of whatever comes behind it', (k) => {
  k.does('mmap A 1 rw memfd', 'mmap B 1 rw memfd', 'store A 0 7', 'store B 0 8', 'munmap A 0 1')
  k.does('mmap C 1 rw memfd same=A')
  k.answers('load C 0', '7')
})

scenario('in a child that did not inherit the mapping', (k) => {
  k.does('mmap A 1 rw file-shared', 'store A 0 7', 'madvise A 0 1 dontfork')
  k.answers('fork', 'ok P1')
  k.does('exit 0', 'proc 1')
  k.answers('load A 0', 'SIGSEGV')
  k.does('mmap B 1 rw file-private same=A')
  k.answers('load B 0', '7')
})
