import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { builtInSections } from '../cmd/server/sections.js'
import { insteadOf } from '../config/validation/roadrunner-keys.js'
import { startServer } from '../testing/index.js'
import { projectFolder } from './helpers/project.js'
import { workerText } from './helpers/rr.js'

const page = readFileSync(join(projectFolder, 'docs/roadrunner.md'), 'utf8')

/** The rows of the table below a heading: the names in the first cell, and what the second says. */
function rows(heading: string): readonly (readonly [names: readonly string[], verdict: string])[] {
  const [, text = ''] = page.split(`\n## ${heading}\n`)
  const [table = ''] = text.split('\n## ')
  return [...table.matchAll(/^\| (`[^|]+) \| ([^|]+) \|$/gm)].map(([, names = '', verdict = '']) => [
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
    verdict,
  ])
}

const keysOf = (section: string): readonly string[] => {
  const config = builtInSections.find(({ name }) => name === section)?.config
  const entries = config?.entries
  return Object.keys(
    entries !== undefined && 'properties' in entries ? entries.properties : (config?.properties ?? {}),
  )
}

test('every key that the page says is here is one of the section, and every other has advice', () => {
  for (const section of ['logs', 'rpc', 'server', 'status', 'metrics', 'service', 'http', 'grpc', 'tcp']) {
    const found = rows(`\`${section}\``)
    assert.ok(found.length > 0, section)
    const known = keysOf(section)
    for (const [names, verdict] of found) {
      // Further names of a row of `http` are below the first one.
      const top = section === 'http' || names[0] === 'tls.key' ? names.slice(0, 1) : names
      for (const name of top) {
        const [key = ''] = name.split('.')
        if (/^(same|better)/.test(verdict)) assert.ok(known.includes(key), `${section}.${name} is not a key`)
        else {
          assert.match(verdict, /^not/)
          // The faults of these sections are their own.
          if (section === 'http' || section === 'grpc') continue
          assert.notEqual(insteadOf(`${section}.${name}`), undefined, `${section}.${name} has no advice`)
        }
      }
    }
  }
})

test('every procedure that the page says is here can be called, and no other', async (t) => {
  const server = await startServer({
    config: {
      server: { command: workerText('echo') },
      jobs: { pool: { num_workers: 1 }, pipelines: {} },
      metrics: { address: '127.0.0.1:0' },
      status: { address: '127.0.0.1:0' },
      kv: { cache: { driver: 'memory' } },
      service: {},
      tcp: { servers: {}, pool: { num_workers: 1 } },
    },
  })
  t.after(() => server.stop())
  const found = rows('Remote procedures').flatMap(([names, verdict]) =>
    names.map((name) => [name, verdict] as const),
  )
  assert.ok(found.length > 40)
  for (const [name, verdict] of found) {
    const text = await server.rpc(name, {}).then(String, ({ message }: Error) => message)
    const isMissing = /can't find (service|method)/.test(text)
    assert.equal(isMissing, !/^(same|better)/.test(verdict), `${name}: ${text}`)
  }
})
