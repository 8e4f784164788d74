/** The faulty svm of known race 3, for tests and examples that name a driver module. */
export { default } from '../../src/races/recheck-outside-lock/driver.ts'
