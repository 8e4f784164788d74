/** A driver as one was written in 2019: the one that the race of two meanings is put under, and which is right without it. */
export { default } from '../../src/races/two-meanings-one-errno/driver.ts'
