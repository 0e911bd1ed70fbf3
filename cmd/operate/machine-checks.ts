/** Checks of `rr doctor` on what the system grants: processors, memory, descriptors, processes, folders, FIFOs. Changes nothing. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { readSmallFile } from '../../src/supervisor/machine/cgroup.js'
import { descriptorsMax, readGrant } from '../../src/supervisor/machine/limits.js'
import { type Diagnosis, fine, Grade, judged } from './finding.js'

const megabyte = 2 ** 20
const descriptorsPerWorker = 8
const descriptorsForUs = 64
const processesMin = 256
const diskMin = 100 * megabyte
const sharedMin = 16 * megabyte
const backlogMin = 511
const programMsMax = 5000

/** Needs of the file at hand. */
export interface MachineNeeds {
  readonly workers: number
  readonly isHttp: boolean
  /** MB that all workers together may use; 0 where they have no limit. */
  readonly workersMb: number
}

/** Looks at the machine. */
export function machineFindings({ workers, isHttp, workersMb }: MachineNeeds): readonly Diagnosis[] {
  const { cpus, memoryBytes } = readGrant()
  const isGranted = memoryBytes !== Number.POSITIVE_INFINITY
  const memoryMb = Math.floor((isGranted ? memoryBytes : totalmem()) / megabyte)
  const source = isGranted ? 'the limit of the cgroup' : 'no cgroup limits it'
  const quota = cpus < availableParallelism() ? ', as the cgroup has a quota' : ''
  return [
    fine('processors', `${cpus} of ${availableParallelism()}${quota}`),
    judged(
      {
        about: 'memory',
        what: `${memoryMb} MB (${source})${workersMb > 0 ? `; ${workers} workers may use ${workersMb} MB` : ''}`,
        todo: 'lower num_workers or supervisor.max_worker_memory, or grant more memory: the kernel would end processes',
      },
      workersMb > memoryMb,
    ),
    ...limitFindings(workers),
    ...folderFindings(),
    ...programFindings(),
    ...(isHttp ? backlogFindings() : []),
    ...firstProcess(),
  ]
}

function limitFindings(workers: number): readonly Diagnosis[] {
  const descriptors = descriptorsMax()
  const needed = descriptorsForUs + descriptorsPerWorker * workers
  const limits = readSmallFile('/proc/self/limits') ?? ''
  const processes = Number(/^Max processes\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY)
  return [
    judged(
      {
        about: 'ulimit -n',
        what: `${descriptors} descriptors; ${workers} workers and the server need about ${needed}, and one a connection`,
        todo: 'raise it: `ulimit -n 65536`, LimitNOFILE= of systemd, `--ulimit nofile=` of Docker',
      },
      descriptors < Math.max(1024, needed),
    ),
    judged(
      {
        about: 'ulimit -u',
        what: `${processes === Number.POSITIVE_INFINITY ? 'no limit of' : processes} processes of this user`,
        todo: 'raise it: TasksMax= of systemd, `--pids-limit` of Docker, `ulimit -u`',
      },
      processes < processesMin + workers,
    ),
  ]
}

function folderFindings(): readonly Diagnosis[] {
  const found = [freeSpace('/tmp', diskMin, Grade.warn, 'sockets and FIFOs are made there: free some space')]
  const shared = 'PHP extensions and PostgreSQL share memory there: `--shm-size` of Docker'
  found.push(freeSpace('/dev/shm', sharedMin, Grade.note, shared))
  return found.flat()
}

function freeSpace(folder: string, bytesMin: number, grade: Grade, todo: string): readonly Diagnosis[] {
  try {
    const { bavail, bsize, blocks, ffree, files } = statfsSync(folder)
    const [free, all] = [bavail * bsize, blocks * bsize]
    const noFiles = files > 0 && ffree < 100
    const what = `${mb(free)} free of ${mb(all)}${noFiles ? ', but no more files can be made (inodes)' : ''}`
    return [judged({ about: folder, what, todo }, free < bytesMin || noFiles, grade)]
  } catch {
    return [{ grade, about: folder, what: 'does not exist or cannot be read', todo }]
  }
}

function programFindings(): readonly Diagnosis[] {
  const folder = mkdtempSync(join(tmpdir(), 'rr-doctor-'))
  try {
    const fifo = spawnSync('mkfifo', [join(folder, 'fifo')], { timeout: programMsMax })
    const words = ['--pdeathsig', 'KILL', 'true']
    const setpriv = spawnSync('setpriv', words, { stdio: 'ignore', timeout: programMsMax })
    const sh = spawnSync('/bin/sh', ['-c', ':'], { timeout: programMsMax })
    return [
      judged(
        {
          about: 'FIFOs',
          what:
            fifo.status === 0 ? 'can be made' : 'cannot be made: workers use pipes, and watchdogs do not run',
          todo: 'install mkfifo (coreutils), or mount a /tmp that knows FIFOs',
        },
        fifo.status !== 0,
      ),
      judged(
        {
          about: '/bin/sh',
          what: sh.status === 0 ? 'runs' : 'does not run: workers cannot be started',
          todo: 'install a shell; in a container take an image that has one',
        },
        sh.status !== 0,
        Grade.fault,
      ),
      judged(
        {
          about: 'setpriv',
          what:
            setpriv.status === 0
              ? 'is there'
              : 'is missing or too old: variables with unusual names are not passed on, `user` does not work, and a stopped watchdog ends nothing',
          todo: 'install util-linux 2.33 or newer',
        },
        setpriv.status !== 0,
        Grade.note,
      ),
    ]
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function backlogFindings(): readonly Diagnosis[] {
  const backlog = Number(readSmallFile('/proc/sys/net/core/somaxconn') ?? Number.POSITIVE_INFINITY)
  const todo = 'raise net.core.somaxconn by sysctl: connections beyond it are refused in a burst'
  return [judged({ about: 'somaxconn', what: `${backlog} waiting connections`, todo }, backlog < backlogMin)]
}

/** A container whose first process reaps nothing keeps zombies. */
function firstProcess(): readonly Diagnosis[] {
  const name = readSmallFile('/proc/1/comm')
  if (name !== 'node' && name !== 'rr') return []
  const todo = 'start it with `docker-entrypoint` of the package, or `--init` of Docker'
  return [
    { grade: Grade.note, about: 'process 1', what: `is ${name}, which reaps only its own children`, todo },
  ]
}

function mb(bytes: number): string {
  return `${Math.floor(bytes / megabyte)} MB`
}
