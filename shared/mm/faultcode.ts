/** How a page fault ended (kernel: VM_FAULT_*). Only `done` means that the access is worth trying again. */
export const FAULT = { done: 0, oom: 1, sigbus: 2, segv: 3 } as const
