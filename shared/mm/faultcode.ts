/**
 * How a page fault ended (kernel: VM_FAULT_*). Only `done` means that the access is worth trying again. `retry` is answered only to who
 * allows it: mmap_sem was given up to wait for somebody, is not held any more, and all that was looked up under it is void.
 */
export const FAULT = { done: 0, oom: 1, sigbus: 2, segv: 3, retry: 4 } as const
