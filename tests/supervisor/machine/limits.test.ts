import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readGrant } from '../../../src/supervisor/machine/limits.js'
import { readMemoryBudget, treeBytes } from '../../../src/supervisor/machine/memory.js'

const gb = 2 ** 30
const none = Number.POSITIVE_INFINITY

/** A system that says this about itself. */
async function roots(t: TestContext, files: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'rr-cgroup-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), `${text}\n`)
  }
  return { cgroup: join(folder, 'cgroup'), proc: join(folder, 'proc') }
}

const systems: {
  readonly name: string
  readonly files: Readonly<Record<string, string>>
  readonly cpus: number
  readonly memoryBytes: number
  readonly usedBytes: number
}[] = [
  {
    name: 'a container under v2',
    files: {
      'proc/self/cgroup': '0::/',
      'cgroup/cpu.max': '50000 100000',
      'cgroup/memory.max': String(gb),
      'cgroup/memory.current': '700',
      'cgroup/memory.stat': 'anon 500\ninactive_file 200\nactive_file 1',
    },
    cpus: 0.5,
    memoryBytes: gb,
    usedBytes: 500,
  },
  {
    name: 'a service under v2 whose slice is tighter',
    files: {
      'proc/self/cgroup': '0::/app.slice/rr.service',
      'cgroup/app.slice/rr.service/memory.max': 'max',
      'cgroup/app.slice/rr.service/cpu.max': 'max 100000',
      'cgroup/app.slice/memory.max': String(2 * gb),
      'cgroup/app.slice/memory.current': '900',
      'cgroup/app.slice/cpu.max': '25000 100000',
    },
    cpus: 0.25,
    memoryBytes: 2 * gb,
    usedBytes: 900,
  },
  {
    name: 'a container under v1 that sees the path of its host',
    files: {
      'proc/self/cgroup': '4:cpu,cpuacct:/docker/abc\n3:memory:/docker/abc',
      'cgroup/cpu/cpu.cfs_quota_us': '10000',
      'cgroup/cpu/cpu.cfs_period_us': '100000',
      'cgroup/memory/memory.limit_in_bytes': String(gb),
      'cgroup/memory/memory.usage_in_bytes': '1000',
      'cgroup/memory/memory.stat': 'inactive_file 1\ntotal_inactive_file 400',
    },
    cpus: 0.1,
    memoryBytes: gb,
    usedBytes: 600,
  },
  {
    name: 'v1 without a limit',
    files: {
      'proc/self/cgroup': '3:memory:/\n4:cpu,cpuacct:/',
      'cgroup/cpu/cpu.cfs_quota_us': '-1',
      'cgroup/cpu/cpu.cfs_period_us': '100000',
      'cgroup/memory/memory.limit_in_bytes': '9223372036854771712',
    },
    cpus: availableParallelism(),
    memoryBytes: none,
    usedBytes: 0,
  },
  { name: 'no cgroup at all', files: {}, cpus: availableParallelism(), memoryBytes: none, usedBytes: 0 },
]

for (const { name, files, cpus, memoryBytes, usedBytes } of systems) {
  test(`limits of cpu and memory are found: ${name}`, async (t) => {
    const system = await roots(t, files)
    assert.deepEqual(readGrant(system), { cpus, memoryBytes, workersPerCpu: 1 })
    assert.deepEqual(await readMemoryBudget(none, system), { limitBytes: memoryBytes, usedBytes })
  })
}

test('where only the platform sets a limit, this process and its descendants are what is used', async (t) => {
  const system = await roots(t, {})
  const { limitBytes, usedBytes } = await readMemoryBudget(gb, system)
  assert.equal(limitBytes, gb)
  assert.ok(usedBytes > 1e7 && usedBytes < 8 * gb, `${usedBytes}`)
})

test('a process that has gone uses nothing', async () => {
  assert.equal(await treeBytes(2 ** 22 + 1), 0)
})
