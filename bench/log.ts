/** Lines of workers that the log writes in a second, to a pipe and to a file, against pino's synchronous writer; and with a stalled reader. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { WrittenLines } from './log-lines.js'

const rounds = 3
const lines = 50_000
const stalledLines = 20_000
const program = fileURLToPath(new URL('log-lines.js', import.meta.url))

// A shell makes real pipes; Node makes sockets.
const behind = { pipe: '| cat >/dev/null', file: '>log', stalled: '| sleep 2' } as const
type Output = keyof typeof behind

/** Prints lines a second of both writers and their ratio, best of three rounds in turns. */
export async function benchLog(): Promise<void> {
  console.log('log: lines a second of workers, and the ratio to pino’s synchronous writer')
  for (const output of ['pipe', 'file'] as const) {
    let [server, own] = [0, 0]
    for (let round = 0; round < rounds; round += 1) {
      server = Math.max(server, rate(await run('server', output, lines)))
      own = Math.max(own, rate(await run('pino', output, lines)))
    }
    const words = `${Math.round(server)}/s, pino ${Math.round(own)}/s`
    console.log(`  ${output.padEnd(7)} ${words}: ×${(server / own).toFixed(2)}`)
  }
  const { ms, heldMs } = await run('server', 'stalled', stalledLines)
  const held = `the event loop held up for ${heldMs.toFixed(1)} ms at most (500 lines)`
  console.log(`  stalled ${Math.round((1000 * stalledLines) / ms)}/s, ${held}; pino waits for the reader`)
}

function rate({ ms }: WrittenLines): number {
  return (1000 * lines) / ms
}

async function run(writer: 'server' | 'pino', output: Output, count: number): Promise<WrittenLines> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-bench-'))
  const words = ['-c', `"$@" ${behind[output]}`, 'bench', process.execPath, program, writer, String(count)]
  const child = spawn('/bin/sh', words, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const [[written]]: [WrittenLines[], unknown] = await Promise.all([
    once(child, 'message'),
    once(child, 'exit'),
  ])
  await rm(folder, { recursive: true, force: true })
  if (written === undefined) throw new Error('the writer sent nothing')
  return written
}
