/**
 * Preload (`node --import`) that counts what a server does in its main thread: writes to sockets and pipes, and promises. On SIGUSR2 it
 * writes the counts as JSON to the file in WORK_COUNTS. Counts do not depend on the machine, as times do; so the clock by which it decides
 * is slowed down.
 */
import { createHook } from 'node:async_hooks'
import { renameSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'

/** Counts since the start of the process. */
export interface WorkCounts {
  readonly writes: number
  readonly promises: number
}

/** Request handlers of libuv's streams: each call is one `write` or `writev`, as long as the reader keeps up. */
const writeNames = /^write(v|Buffer|(Utf8|Ascii|Latin1|Ucs2)String)$/

let writes = 0
let promises = 0

function countCallsOf(target: object, name: string): void {
  const original: unknown = Reflect.get(target, name)
  if (typeof original !== 'function') return
  Reflect.set(target, name, function counted(this: unknown, ...parameters: unknown[]): unknown {
    writes += 1
    return Reflect.apply(original, this, parameters)
  })
}

/** Wraps the methods that the handles of all sockets and pipes inherit; any handle leads there. */
function countWrites(): void {
  const socket = connect({ path: '/nowhere' })
  socket.on('error', () => socket.destroy())
  let target: unknown = Reflect.get(socket, '_handle')
  while (typeof target === 'object' && target !== null && target !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(target))
      if (writeNames.test(name)) countCallsOf(target, name)
    target = Object.getPrototypeOf(target)
  }
}

/** Lets the monotonic clock go a thousandth as fast: jobs take less than a millisecond however busy the machine is. */
function slowClock(): void {
  const read = process.hrtime.bigint.bind(process.hrtime)
  const slowed = (): [number, number] => {
    const ns = read() / 1000n
    return [Number(ns / 1_000_000_000n), Number(ns % 1_000_000_000n)]
  }
  process.hrtime = Object.assign(slowed, { bigint: read })
}

const file = process.env.WORK_COUNTS
if (file !== undefined) {
  slowClock()
  countWrites()
  createHook({
    init: (_id, type) => {
      if (type === 'PROMISE') promises += 1
    },
  }).enable()
  process.on('SIGUSR2', () => {
    writeFileSync(`${file}.new`, JSON.stringify({ writes, promises }))
    renameSync(`${file}.new`, file)
  })
}
