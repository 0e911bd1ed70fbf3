/** The public API `relayrunner/testing`: a whole server inside a test, and the conformance suite of job drivers. Nothing here runs. */
export type { DriverGuarantees } from '../src/work/index.js'
export { jobDriverCases, testJobDriver } from './job-driver/cases.js'
export type {
  CaseContext,
  DriverBroker,
  DriverQueue,
  JobDriverCase,
  JobDriverSuite,
  QueueWish,
} from './job-driver/suite.js'
export type { LogLine } from './memory-log.js'
export { startServer, type TestServer, type TestServerOptions } from './start-server.js'
