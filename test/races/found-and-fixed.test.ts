/** Is each known race of the core found when it is put in, and nothing without it? Finds replay. */
import t from 'tap'
import { testRaces } from './foundandfixed.ts'

await testRaces(t, ({ driver }) => driver === undefined)
