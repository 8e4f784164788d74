/**
 * The process of a course: an address space of cpu 0 that every device mirrors, with two areas.
 *
 *   OTHERS   pages that stay: what engines that run touch meanwhile
 *   PAGES    what the course is about; its pages lie STRIDE apart where each is an area of its own
 */
import { detachDevice } from '../../device/attach.ts'
import { serviceIsIdle } from '../../device/service.ts'
import { reapDeferred } from '../../frame/deferred.ts'
import type { Mirror } from '../../hmm/mirror.ts'
import { mmPut } from '../../mm/exit.ts'
import { ADVICE, madvise } from '../../mm/madvise.ts'
import { createMm } from '../../mm/mm.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { switchMm } from '../../mm/shootdown.ts'
import { VM_READ, VM_WRITE } from '../../mm/vma.ts'
import { type Mm, NO_MM } from '../../notifier/mmhead.ts'
import { tick } from '../../seam/point.ts'
import type { Task } from '../../seam/task.ts'
import { SLOT_PAGES } from '../../seam/trace.ts'
import { openFor } from '../stress.ts'
import { mustBe } from './course.ts'

export const OTHERS = 1 * SLOT_PAGES
export const OTHER_PAGES = 64
export const PAGES = 2 * SLOT_PAGES
export const STRIDE = 2

export interface Process {
  readonly mm: Mm
  readonly mirrors: readonly Mirror[]
}

/** Makes it, with OTHERS mapped and there. Cpu 0. */
export function openProcess(task: Task, devices: number): Process {
  const mm = createMm(task, 0)
  mustBe(mm !== NO_MM, 'the machine has no memory for an address space')
  switchMm(task, mm)
  mapPages(task, mm, OTHERS, OTHER_PAGES)
  mustBe(madvise(task, mm, OTHERS, OTHER_PAGES, ADVICE.populateWrite) === 0, 'pages could not be populated')
  return { mm, mirrors: Array.from({ length: devices }, (_, device) => openFor(task, device, mm)) }
}

/** Maps pages that may be read and written, and that nobody has touched. */
export function mapPages(task: Task, mm: Mm, vpn: number, pages: number): void {
  mustBe(mmap(task, mm, vpn, pages, VM_READ | VM_WRITE, PLACE_FIXED) >= 0, 'pages could not be mapped')
}

/** Takes it down. No kernel runs any more. */
export function closeProcess(task: Task, { mm, mirrors }: Process): void {
  awaitServices(task, mirrors.length)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  for (const mirror of mirrors) detachDevice(task, mirror)
  awaitServices(task, mirrors.length)
  reapDeferred(task)
}

/** Returns when the services of all devices have nothing to do and sleep, or are about to. */
export function awaitServices(task: Task, devices: number): void {
  for (let device = 0; device < devices; device++) while (!serviceIsIdle(task, device)) tick(task)
}
