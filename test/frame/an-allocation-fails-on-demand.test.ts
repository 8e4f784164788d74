/** Fault injection: does just the allocation fail that was asked for, and is it counted as one that found no memory? */
import t from 'tap'
import { allocFailures, allocObject, failAllocation, freeObject, liveObjects, objectKind } from '../../shared/frame/objects.ts'
import { solo } from '../support/solo.ts'

const THING = objectKind(46, 'thing', 40)

t.test('the third of four allocations fails, and no other', (t) => {
  const { task } = solo()
  failAllocation(task, 3)
  const things = [1, 2, 3, 4].map(() => allocObject(task, THING))
  t.same(
    things.map((at) => at !== 0),
    [true, true, false, true],
  )
  t.same([allocFailures(task), liveObjects(task, THING)], [1, 3])
  for (const at of things) if (at !== 0) freeObject(task, THING, at)
  t.equal(liveObjects(task, THING), 0)
  t.end()
})

t.test('taken back in time, none fails', (t) => {
  const { task } = solo()
  failAllocation(task, 2)
  const things = [allocObject(task, THING)]
  failAllocation(task, 0)
  things.push(allocObject(task, THING), allocObject(task, THING))
  t.same([things.filter((at) => at === 0).length, allocFailures(task)], [0, 0])
  for (const at of things) freeObject(task, THING, at)
  t.end()
})
