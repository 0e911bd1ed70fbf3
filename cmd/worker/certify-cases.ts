/** The cases of `rr worker certify`: what every worker must do, whatever its jobs are. Each runs on a fresh process. */
import { FrameFlag } from '../../src/ipc/frame.js'
import type { WorkerProbe } from './worker-probe.js'

/** A case. `run` rejects with what was wrong. */
export interface CertifyCase {
  readonly name: string
  readonly run: (probe: WorkerProbe) => Promise<void>
}

const jobsInARow = 100
const pieceBytes = 7

/** The cases, in the order in which a new worker gets them right. */
export const certifyCases: readonly CertifyCase[] = [
  {
    name: 'reports its pid',
    run: async (probe) => {
      await probe.boot()
    },
  },
  {
    name: 'answers a job with one frame',
    run: async (probe) => {
      await probe.boot()
      await probe.job('{"certify":1}')
    },
  },
  {
    name: 'answers an empty body, bytes that are not text, and a megabyte',
    run: async (probe) => {
      await probe.boot()
      await probe.job('')
      await probe.job(Buffer.from([0, 255, 254, 0x17, 10, 13, 0]))
      await probe.job(Buffer.alloc(1_000_000, 'x'))
    },
  },
  {
    name: `answers ${jobsInARow} jobs in a row, each once`,
    run: async (probe) => {
      await probe.boot()
      for (let at = 0; at < jobsInARow; at += 1) await probe.job(`{"certify":${at}}`)
    },
  },
  {
    name: 'reads a job that arrives in pieces',
    run: async (probe) => {
      await probe.boot()
      const bytes = probe.jobBytes('{"certify":"pieces"}')
      for (let at = 0; at < bytes.length; at += pieceBytes) {
        probe.write(bytes.subarray(at, at + pieceBytes))
        await new Promise((resolve) => setImmediate(resolve))
      }
      await probe.answer()
    },
  },
  {
    name: 'writes nothing but frames to the relay',
    run: async (probe) => {
      await probe.boot()
      await probe.job('{"certify":"quiet"}')
      if (probe.junk !== '')
        throw new Error(
          `it wrote ${JSON.stringify(probe.junk.slice(0, 100))} to standard output, which is the relay: log to standard error`,
        )
    },
  },
  {
    name: 'goes on after a job that it failed',
    run: async (probe) => {
      await probe.boot()
      const answer = await probe.job('this is not what the worker expects')
      if ((answer.flags & FrameFlag.error) !== 0 && answer.payload.length === 0)
        throw new Error('its error has no text')
      await probe.job('{"certify":"again"}')
    },
  },
  {
    name: 'leaves with code 0 when it is told to stop',
    run: async (probe) => {
      await probe.boot()
      probe.stop()
      const code = await probe.ended()
      if (code !== 0) throw new Error(`it ended with ${code}`)
    },
  },
  {
    name: 'leaves when the server has gone',
    run: async (probe) => {
      await probe.boot()
      probe.closeInput()
      await probe.ended()
    },
  },
  {
    name: 'ends by SIGTERM while it is idle',
    run: async (probe) => {
      await probe.boot()
      probe.signal('SIGTERM')
      await probe.ended()
    },
  },
]
