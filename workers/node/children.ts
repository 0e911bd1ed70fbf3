/**
 * Keeps the relay away from child programs. Over pipes the relay is standard input and output, and a child that inherits them
 * would read the server's frames, or write between ours. As in Lambda, it finds its standard input empty; its output goes to the
 * log. Node cannot move a descriptor to another number, so the children's options are changed instead.
 */
import childProcess from 'node:child_process'
import { syncBuiltinESMExports } from 'node:module'

const inputFd = 0
const outputFd = 1
const logFd = 2

let isGuarded = false

/** Keeps children of this process from inheriting the relay from now on, whether `node:child_process` was imported before or after. */
export function guardChildren(): void {
  if (isGuarded) return
  isGuarded = true
  guardSpawn()
  for (const name of ['spawnSync', 'execSync', 'execFileSync'] as const) guardSync(name)
  syncBuiltinESMExports()
}

/** Guards `spawn`, `fork`, `exec` and `execFile`, which all use this method. */
function guardSpawn(): void {
  const { prototype } = childProcess.ChildProcess
  const spawn: unknown = Reflect.get(prototype, 'spawn')
  if (typeof spawn !== 'function') return
  const guarded = function (this: unknown, options: object): unknown {
    return Reflect.apply(spawn, this, [withSafeStdio(options)])
  }
  Object.defineProperty(prototype, 'spawn', { value: guarded, writable: true, configurable: true })
}

/** Guards a synchronous function. Its options come last, after optional arguments. */
function guardSync(name: 'spawnSync' | 'execSync' | 'execFileSync'): void {
  const original = childProcess[name]
  const guarded = function (this: unknown, ...given: unknown[]): unknown {
    const at = given.findLastIndex((one) => typeof one === 'object' && one !== null && !Array.isArray(one))
    const safe = at < 0 ? given : given.with(at, withSafeStdio(Object(given[at])))
    return Reflect.apply(original, this, safe)
  }
  Object.defineProperty(guarded, 'name', { value: name })
  Reflect.set(childProcess, name, guarded)
}

function withSafeStdio(options: object): object {
  const stdio: unknown = Reflect.get(options, 'stdio')
  if (stdio === 'inherit') return { ...options, stdio: ['ignore', logFd, 'inherit'] }
  return Array.isArray(stdio) ? { ...options, stdio: stdio.map(safeEntry) } : options
}

function safeEntry(entry: unknown, at: number): unknown {
  const fd = entry === 'inherit' ? at : descriptorOf(entry)
  if (fd === inputFd) return 'ignore'
  return fd === outputFd ? logFd : entry
}

function descriptorOf(entry: unknown): unknown {
  if (entry === process.stdin) return inputFd
  return typeof entry === 'object' && entry !== null && 'fd' in entry ? entry.fd : entry
}
