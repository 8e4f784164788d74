// @ts-check
/**
 * Exercise 3, solved: the callback needs the lock to end the invalidation that is waited for, so the wait comes before the lock. What may
 * happen between the two is what the look under the lock is for: the loop of the first solution.
 */
export { default } from './1.js'
