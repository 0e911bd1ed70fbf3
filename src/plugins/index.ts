/** Built-in plugins: their list in the order of set-up, and the parts that commands use without a server. */
import type { AnyPlugin } from '../index.js'
import amqp from './amqp/index.js'
import app from './app/index.js'
import beanstalk from './beanstalk/index.js'
import boltdb from './boltdb/index.js'
import dashboard from './dashboard/index.js'
import type { ExecutionEnvironment } from './emulator/environment/execution-environment.js'
import emulator from './emulator/index.js'
import fileserver from './fileserver/index.js'
import grpc from './grpc/index.js'
import http from './http/index.js'
import jobs from './jobs/index.js'
import journal from './journal/index.js'
import kafka from './kafka/index.js'
import kv from './kv/index.js'
import kvBoltDb from './kv-boltdb/index.js'
import kvMemory from './kv-memory/index.js'
import kvRedis from './kv-redis/index.js'
import lambda from './lambda/index.js'
import laravelDatabase from './laravel-database/index.js'
import laravelRedis from './laravel-redis/index.js'
import lock from './lock/index.js'
import memory from './memory/index.js'
import metrics from './metrics/index.js'
import nats from './nats/index.js'
import otel from './otel/index.js'
import postgres from './postgres/index.js'
import redis from './redis/index.js'
import service from './service/index.js'
import sqs from './sqs/index.js'
import status from './status/index.js'
import tcp from './tcp/index.js'

/** Plugins that need no npm package. */
export const builtInPlugins: readonly AnyPlugin[] = [
  amqp,
  beanstalk,
  boltdb,
  app,
  dashboard,
  emulator,
  fileserver,
  grpc,
  http,
  jobs,
  journal,
  kafka,
  lambda,
  lock,
  laravelDatabase,
  laravelRedis,
  memory,
  metrics,
  nats,
  otel,
  postgres,
  redis,
  kv,
  kvBoltDb,
  kvMemory,
  kvRedis,
  service,
  sqs,
  status,
  tcp,
]

export type { FailedRecord } from '../index.js'
export { boltDbFileFault } from './boltdb/files.js'
export { boltDbPart } from './boltdb/part.js'
export { readFailureReasons } from './emulator/http/batch-ends.js'
export { type EmulatorIdentity, identityRoute, readIdentity } from './emulator/http/identity.js'
export {
  type ChangedQueue,
  EmulatorMessages,
  EmulatorPurge,
  EmulatorQueue,
  EmulatorRedrive,
  EmulatorSend,
  EmulatorTarget,
  type PolledCounts,
  type QueueMessages,
} from './emulator/procedures.js'
export { middlewareNames, middlewareService } from './http/middleware-keys.js'
export { journalPart } from './journal/part.js'

/** Loads the process runner behind `rr lambda run`. */
export async function loadEnvironment(): Promise<typeof ExecutionEnvironment> {
  return (await import('./emulator/environment/execution-environment.js')).ExecutionEnvironment
}
