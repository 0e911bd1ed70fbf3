/** The table of promises in docs/queues.md is what the drivers say of themselves, which their conformance tests hold them to. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { amqpGuarantees } from '../../../src/plugins/amqp/guarantees.js'
import { beanstalkGuarantees } from '../../../src/plugins/beanstalk/guarantees.js'
import { builtInPlugins } from '../../../src/plugins/index.js'
import { kafkaGuarantees } from '../../../src/plugins/kafka/guarantees.js'
import { laravelDatabaseGuarantees } from '../../../src/plugins/laravel-database/guarantees.js'
import { laravelRedisGuarantees } from '../../../src/plugins/laravel-redis/guarantees.js'
import { memoryGuarantees } from '../../../src/plugins/memory/guarantees.js'
import { natsGuarantees } from '../../../src/plugins/nats/guarantees.js'
import { postgresGuarantees } from '../../../src/plugins/postgres/guarantees.js'
import { redisGuarantees } from '../../../src/plugins/redis/guarantees.js'
import { JobDriver } from '../../../src/work/driver.js'
import type { DriverGuarantees } from '../../../src/work/guarantees.js'
import { journalGuarantees } from '../../../src/work/queues/journal/guarantees.js'
import { sqsFifoGuarantees, sqsGuarantees } from '../../../src/work/queues/sqs/guarantees.js'
import { projectFolder } from '../../helpers/project.js'

/** Rows of the table: what stands before the comma is the driver's name. */
const rows: readonly (readonly [name: string, guarantees: DriverGuarantees])[] = [
  ['memory', memoryGuarantees],
  ['journal', journalGuarantees],
  ['boltdb', journalGuarantees],
  ['sqs', sqsGuarantees],
  ['sqs, FIFO', sqsFifoGuarantees],
  ['amqp', amqpGuarantees],
  ['redis', redisGuarantees],
  ['postgres', postgresGuarantees],
  ['nats', natsGuarantees],
  ['beanstalk', beanstalkGuarantees],
  ['kafka', kafkaGuarantees],
  ['laravel-redis', laravelRedisGuarantees],
  ['laravel-database', laravelDatabaseGuarantees],
]

const head = [
  'Driver',
  'In order',
  'Lanes',
  'Delays',
  'Lease',
  'Twice',
  'Outlives a kill',
  'Shared',
  'Bodies',
  'Numbers',
  'Counted',
  'Failed',
  'Own policy',
  'Fair',
  '`nack`',
]

const yesNo = (isTrue: boolean) => (isTrue ? 'yes' : 'no')
const yearMs = 365 * 86_400_000

function delayText(ms: number): string {
  if (ms >= yearMs) return 'any'
  if (ms >= 86_400_000) return `${Math.floor(ms / 86_400_000)} d`
  return ms === 0 ? 'none' : `${ms / 60_000} min`
}

function cells([name, guarantees]: (typeof rows)[number]): readonly string[] {
  const [driver, kind] = name.split(', ')
  return [
    kind === undefined ? `\`${driver}\`` : `\`${driver}\`, ${kind}`,
    yesNo(guarantees.ordered),
    yesNo(guarantees.lanes),
    delayText(guarantees.delayMsMax),
    guarantees.leaseMsMin === 0 ? 'none' : `${guarantees.leaseMsMin / 1000} s`,
    { never: 'never', crash: 'crash', always: 'any time' }[guarantees.duplicates],
    yesNo(guarantees.durable),
    yesNo(guarantees.shared),
    guarantees.binary ? 'bytes' : 'text',
    guarantees.counts === 'exact' ? 'exact' : 'in part',
    { deliveries: 'deliveries', tries: 'tries', none: 'no' }[guarantees.attempts],
    `in the ${guarantees.failed}`,
    { none: 'none', atOnce: 'at once', later: 'later' }[guarantees.deadLetters],
    guarantees.fairness === 'queue' ? 'all' : 'borrowed',
    guarantees.nacked,
  ]
}

const line = (texts: readonly string[]) => `| ${texts.join(' | ')} |`

test('the table of promises in docs/queues.md says what the drivers say', () => {
  const page = readFileSync(join(projectFolder, 'docs/queues.md'), 'utf8')
  const [, section = ''] = page.split('\n### What each driver promises\n')
  const table = section.split('\n').filter((text) => text.startsWith('|'))
  const end = table.findIndex((text, at) => at > 1 && !text.startsWith('| `'))
  assert.deepEqual(table.slice(0, end < 0 ? undefined : end), [
    line(head),
    `|${'---|'.repeat(head.length)}`,
    ...rows.map((row) => line(cells(row))),
  ])
})

test('every driver of queues has a row', () => {
  const drivers = builtInPlugins
    .flatMap(({ parts = {} }) => parts[JobDriver.name] ?? [])
    .map(({ name }) => name)
  assert.ok(drivers.length > 8)
  assert.deepEqual([...new Set(rows.map(([name]) => name.split(',')[0]))].toSorted(), drivers.toSorted())
})
