/** The dashboard and the alerts of `examples/monitoring` ask for metrics and labels that a running server has. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { rr as command } from '../helpers/command.js'
import { ask } from '../helpers/http.js'
import { projectFolder } from '../helpers/project.js'
import { started, startRr, workerText } from '../helpers/rr.js'
import { eventually } from '../helpers/wait.js'

const folder = join(projectFolder, 'examples/monitoring')
const read = (file: string) => readFileSync(join(folder, file), 'utf8')

const config = [
  'version: "3"',
  `server: { command: "${workerText('waits-or-fails')}" }`,
  'http: { address: "127.0.0.1:0", pool: { num_workers: 1 }, middleware: [http_metrics] }',
  'jobs:',
  '  mode: raw',
  '  pool: { num_workers: 1, max_jobs: 2 }',
  '  consume: [mail]',
  '  retry: { max: 1, backoff: 1ms }',
  '  pipelines: { mail: { driver: memory } }',
  'metrics: { address: "127.0.0.1:0" }',
  '',
].join('\n')

interface Scrape {
  /** Names of series, such as `x_bucket`. */
  readonly names: ReadonlySet<string>
  /** Labels of each name that has lines, with the values of each. */
  readonly labels: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>
}

/** Reads Prometheus's text. */
function scrapeOf(text: string): Scrape {
  const names = new Set<string>()
  for (const [, name = '', kind] of text.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    names.add(name)
    if (kind === 'histogram') for (const part of ['bucket', 'sum', 'count']) names.add(`${name}_${part}`)
  }
  const labels = new Map<string, Map<string, Set<string>>>()
  for (const [, name = '', list = ''] of text.matchAll(/^(\w+)\{(.*)\} /gm)) {
    const known = labels.get(name) ?? new Map<string, Set<string>>()
    labels.set(name, known)
    for (const [, label = '', value = ''] of list.matchAll(/(\w+)="([^"]*)"/g))
      known.set(label, (known.get(label) ?? new Set()).add(value))
  }
  return { names, labels }
}

/** Runs a server until jobs were done, had failed and had cost a worker, and reads its metrics. */
async function scraped(t: TestContext): Promise<Scrape> {
  const server = await startRr(t, ['serve'], { config })
  const { metrics, http } = await started(server)
  const port = (address: unknown) => Number(/:(\d+)/.exec(String(address).replace(/^\w+:\/\//, ''))?.[1])
  await ask(port(http), '/')
  const push = (body: string) => command(server.folder, ['jobs', 'push', 'mail', '--body', body])
  for (const body of ['fail', 'end', 'end']) assert.equal((await push(body)).code, 0)
  let text = ''
  let isKilled = false
  await eventually(async () => {
    text = (await ask(port(metrics), '/metrics')).text
    const [, pid = ''] = /^rr_http_worker_state\{.*pid="(\d+)"/m.exec(text) ?? []
    if (pid !== '' && !isKilled) isKilled = process.kill(Number(pid), 'SIGKILL')
    return (
      /^rr_pool_worker_exits_total\{pool="http"/m.test(text) &&
      /^rr_pool_worker_exits_total\{pool="jobs"/m.test(text) &&
      /outcome="fault"/.test(text)
    )
  })
  return scrapeOf(text)
}

/** The expressions of the dashboard and of the alerts. */
function expressions(): readonly string[] {
  const dashboard: { panels: { targets?: { expr: string }[] }[] } = JSON.parse(read('dashboard.json'))
  const groups: { rules: { expr: string }[] }[] = parse(read('rules.yaml')).groups
  const shown = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  return [...shown, ...groups.flatMap(({ rules }) => rules.map(({ expr }) => expr))]
}

// Labels that Prometheus adds itself.
const added = new Set(['instance', 'job', 'le'])

test('every metric and label of the dashboard and the alerts is one of a running server', async (t) => {
  const { names, labels } = await scraped(t)
  const asked = expressions()
  assert.ok(asked.length > 30)
  for (const expression of asked)
    for (const [, name = '', , matchers = ''] of expression.matchAll(
      /\b((?:rr|process|nodejs)_\w+)(\{([^}]*)\})?/g,
    )) {
      assert.ok(names.has(name), `${expression}: the server has no ${name}`)
      const own = labels.get(name)
      for (const [, label = ''] of matchers.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g))
        if (!added.has(label)) assert.ok(own?.has(label), `${expression}: ${name} has no label ${label}`)
    }
  const outcomes = labels.get('rr_pool_jobs_total')?.get('outcome')
  assert.deepEqual([...(outcomes ?? [])].sort(), ['fault', 'reply'])
  // The planned end of a worker is none of the crashes of the alert; that of a killed one is.
  const [, crashes = ''] = /why=~"([^"]+)"/.exec(read('rules.yaml')) ?? []
  const ends = [...(labels.get('rr_pool_worker_exits_total')?.get('why') ?? [])]
  const planned = ends.filter((why) => !crashes.split('|').includes(why))
  assert.deepEqual([planned, ends.length], [['max_jobs'], 2], ends.join())
})

test('panels do not cover each other, and have names of their own', () => {
  const { panels }: { panels: Panel[] } = JSON.parse(read('dashboard.json'))
  assert.equal(new Set(panels.map(({ id }) => id)).size, panels.length)
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length)
  for (const [at, { title, gridPos: one }] of panels.entries())
    for (const { gridPos: other } of panels.slice(at + 1)) {
      const isBeside = one.x + one.w <= other.x || other.x + other.w <= one.x
      assert.ok(isBeside || one.y + one.h <= other.y || other.y + other.h <= one.y, title)
    }
})

interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: Readonly<Record<'x' | 'y' | 'w' | 'h', number>>
}

test("Prometheus's own tool takes the rules and the scrape, and the alerts fire when they should", () => {
  for (const words of [
    ['check', 'rules', 'rules.yaml'],
    ['test', 'rules', 'rules.test.yaml'],
    ['check', 'config', 'prometheus.yaml'],
  ]) {
    const { status, stdout, stderr, error } = spawnSync('promtool', words, { cwd: folder, encoding: 'utf8' })
    assert.equal(status, 0, error?.message ?? stdout + stderr)
  }
})
