/** A run worker: a lane of its own, in a pool. */
import type { WorkerTask } from '../pool/protocol.ts'
import { serve } from '../pool/serving.ts'
import { Lane, type LaneSetup } from './lane.ts'

export default function runLane(task: WorkerTask<LaneSetup>): Promise<void> {
  return serve(task, new Lane(task.setup))
}
