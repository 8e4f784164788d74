/** Is each known race that is a driver's mistake found when that driver takes a family's place, and nothing with the right one? */
import t from 'tap'
import { testRaces } from './foundandfixed.ts'

await testRaces(t, ({ driver }) => driver !== undefined)
