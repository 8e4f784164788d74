/**
 * SEC, the secrecy oracle. Nobody may touch a page whose bytes were never initialised for its user: what is in it then is what the
 * frame's last owner left there.
 *
 *     frame is handed out       its last two words get a mark    (its bytes are undefined)
 *     zeroed, copied, written   the mark is gone
 *     cpu or device touches it  both words still are the mark: the page was published as it came
 *
 * Two words, so that no value of a program is taken for it; at the page's end, so that a copy that stops early is seen. A frame
 * that carries the mark into another by a copy carries its guilt with it: the copy is of bytes that nobody initialised.
 */
import { type Frame, frameData } from '../frame/frames.ts'
import { PAGE_WORDS } from '../memory/words.ts'
import { pteFrame } from '../mm/pte.ts'
import { actorName } from '../seam/actors.ts'
import { quietLoad, quietStore } from '../seam/atomics.ts'
import { listen } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { describeActor, pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'

/** Halves of the mark. */
const LOW = 0x6b8b4567
const HIGH = 0x327b23c6

/** Switches the oracle on in this worker. */
export function checkSecrecy(task: Task): void {
  listen(task, 'frameAlloc', (t, frame) => {
    const last = frameData(t, frame as Frame) + PAGE_WORDS - 1
    quietStore(t, last - 1, LOW)
    quietStore(t, last, HIGH)
  })
  listen(task, 'cpuTouch', (t, _mm, vpn, entry) => {
    if (isUninitialised(t, pteFrame(entry))) leaked(t, actorName(t.words, t.id), null, vpn, pteFrame(entry))
  })
  listen(task, 'deviceTouch', (t, device, _mirror, vpn, frame) => {
    if (isUninitialised(t, frame as Frame)) leaked(t, `device ${device}`, device, vpn, frame as Frame)
  })
}

/** Is the frame as it was handed out? */
function isUninitialised(task: Task, frame: Frame): boolean {
  const last = frameData(task, frame) + PAGE_WORDS - 1
  return quietLoad(task, last) === HIGH && quietLoad(task, last - 1) === LOW
}

function leaked(task: Task, who: string, device: number | null, vpn: number, frame: Frame): never {
  const page = vpn >>> 0
  const access = describeActor(task.words, task.id)
  const message = `${who} reaches ${pageName(page)} in frame ${frame}, which nobody initialised since it was handed out (${access})`
  violation(task, 'SEC', message, { ...(device === null ? {} : { device }), page, operations: [access] })
}
