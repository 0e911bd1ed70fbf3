/** Starts `rr bootstrap` with a worker and a Runtime API of our own and lets it answer two events, so that V8 has compiled what a start needs. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { join } from 'node:path'
import { builtFile } from '../../src/core/package-files.js'

/** Surroundings of a sample run. */
export interface SampleOptions {
  /** An empty folder, for its files. */
  readonly folder: string
  /** Compiles the configuration of the sample. */
  readonly prepare: (folder: string, files: readonly string[]) => Promise<void>
}

const runMsMax = 60_000
const records = ['one', 'two'].map((body) => ({
  messageId: body,
  body,
  eventSource: 'aws:sqs',
  attributes: {},
}))
const events = ['{"sample":true}', JSON.stringify({ Records: records })]

/** A code cache under the name by which a start looks for it. */
export interface CodeCache {
  readonly name: string
  readonly bytes: Buffer
}

/** Resolves with the code cache. Rejects with what the server said when it did not answer. */
export async function runSample({ folder, prepare }: SampleOptions): Promise<CodeCache> {
  const config = join(folder, 'rr.yaml')
  const worker = `'${process.execPath}' '${builtFile('workers/node/loader.js')}' index.handler`
  writeFileSync(join(folder, 'index.js'), 'exports.handler = async () => ({})\n')
  writeFileSync(
    config,
    JSON.stringify({ version: '3', server: { command: worker }, lambda: { pool: { num_workers: 2 } } }),
  )
  const compiled = join(folder, 'compiled')
  mkdirSync(compiled, { mode: 0o755 })
  await prepare(compiled, [config])
  const cacheFolder = join(folder, 'cache')
  mkdirSync(cacheFolder)
  const api = createServer()
  api.listen(0, '127.0.0.1')
  await once(api, 'listening')
  const bound = api.address()
  const port = typeof bound === 'object' && bound !== null ? bound.port : 0
  const { NODE_OPTIONS: _options, NODE_EXTRA_CA_CERTS: _certificates, ...inherited } = process.env
  const child = spawn(process.execPath, [builtFile('cmd/rr.js'), 'bootstrap', '-c', config], {
    cwd: folder,
    env: {
      ...inherited,
      AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}`,
      LAMBDA_TASK_ROOT: folder,
      RELAYRUNNER_COMPILED: compiled,
      _RELAYRUNNER_SAVE_CACHE: cacheFolder,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const said: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes: Buffer) => said.push(bytes))
  api.on(
    'request',
    answering(() => child.kill('SIGTERM')),
  )
  const late = setTimeout(() => child.kill('SIGKILL'), runMsMax)
  const [code, signal] = await once(child, 'close')
  clearTimeout(late)
  api.closeAllConnections()
  api.close()
  const [name] = readdirSync(cacheFolder)
  if (code === 0 && name !== undefined) return { name, bytes: readFileSync(join(cacheFolder, name)) }
  throw new Error(`it ended with ${signal ?? `exit code ${code}`}: ${Buffer.concat(said).toString().trim()}`)
}

/** A Runtime API that hands out each event once, and calls `onDone` after the last answer. */
function answering(onDone: () => void): RequestListener {
  let given = 0
  let answered = 0
  return (request, response) => {
    request.resume()
    request.on('end', () => {
      const { url = '' } = request
      if (url.endsWith('/extension/register'))
        response.setHeader('Lambda-Extension-Identifier', 'sample').end('{}')
      else if (url.endsWith('/invocation/next')) {
        const event = events[given]
        if (event === undefined) return
        given += 1
        response.setHeader('Lambda-Runtime-Aws-Request-Id', `sample-${given}`)
        response.setHeader('Lambda-Runtime-Deadline-Ms', Date.now() + runMsMax)
        response.end(event)
      } else if (request.method === 'POST') {
        response.writeHead(202).end()
        answered += 1
        if (answered === events.length) onDone()
      }
    })
  }
}
