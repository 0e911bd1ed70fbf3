/**
 * A pool whose workers are threads of the server's own process, for JavaScript without a child. Everything that makes a pool is the
 * process pool's; here is how a thread is brought up and measured, and how it is named: by its number beside the server's pid.
 */
import type { Logger } from '../../logging/logger.js'
import type { StartedThread } from '../worker/os/thread.js'
import { type ThreadBootOptions, threadBooter } from './boot/thread-boot.js'
import type { WorkerInfo } from './pool.js'
import { ProcessPool, type ProcessPoolOptions } from './process-pool.js'

/** What a thread pool is made of. */
export interface ThreadPoolOptions
  extends Omit<ThreadBootOptions, 'pool' | 'onStarted'>,
    Pick<ProcessPoolOptions, 'name' | 'size' | 'budget' | 'ledger' | 'onHeld' | 'bootFirst'> {}

/** Threads behind the `Pool` port. */
export class ThreadPool extends ProcessPool {
  constructor(options: ThreadPoolOptions) {
    const log = threadLogger(options.log)
    const threads = new Map<number, StartedThread>()
    const onStarted = (thread: StartedThread) => {
      const number = thread.process.pid
      threads.set(number, thread)
      void thread.process.exited.then(() => threads.delete(number))
    }
    super({
      ...options,
      log,
      command: options.words.join(' '),
      boot: threadBooter({ ...options, pool: options.name, log, onStarted }),
      measure: (number) => Promise.resolve(threads.get(number)?.memoryBytes() ?? 0),
    })
  }

  override async workers(): Promise<readonly WorkerInfo[]> {
    const threads = await super.workers()
    return threads.map((one) => ({ ...one, pid: process.pid, thread: one.pid }))
  }
}

/** A worker's lines name the thread where they would name a process. */
function threadLogger(log: Logger): Logger {
  const named = ({ pid, ...fields }: Readonly<Record<string, unknown>>) =>
    pid === undefined ? fields : { ...fields, pid: process.pid, thread: pid }
  return {
    debug: (fields, message) => log.debug(named(fields), message),
    info: (fields, message) => log.info(named(fields), message),
    warn: (fields, message) => log.warn(named(fields), message),
    error: (fields, message) => log.error(named(fields), message),
    writeError: (fields, message, limitMs) => log.writeError(named(fields), message, limitMs),
    named: (logger) => threadLogger(log.named(logger)),
    isEnabled: (level) => log.isEnabled(level),
  }
}
