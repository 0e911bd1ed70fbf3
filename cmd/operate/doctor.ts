/**
 * `rr doctor`: looks at the machine, at the languages of the workers, at the configuration at hand and at its running server, and says what
 * to do about each finding. Changes nothing. With `--bundle FILE` it packs all that for support.
 */
import { commandWords } from '../../src/core/command-words.js'
import { ErrorCode, hasCode, messageOf } from '../../src/core/errors.js'
import { isObject } from '../../src/core/json.js'
import { readGrant } from '../../src/supervisor/machine/limits.js'
import { type CommonOptions, ExitCode } from '../options.js'
import { printable, printableJson } from '../output.js'
import { checkStart } from '../server/check-start.js'
import { effectiveConfig } from '../server/effective-config.js'
import { planStart, type StartPlan, shownFile } from '../server/plan.js'
import { version } from '../version.js'
import { configFindings, poolsOf } from './config-checks.js'
import type { DoctorOptions, Examination } from './examination.js'
import { type Diagnosis, fine, Grade } from './finding.js'
import { interpreterOf, languageFindings } from './language-checks.js'
import { machineFindings } from './machine-checks.js'
import { askServer, serverFindings } from './server-view.js'

const marks: Readonly<Record<Grade, string>> = { ok: 'ok   ', note: 'note ', warn: 'WARN ', fault: 'FAULT' }

/** Prints the findings; exit code 1 with a fault, 0 else. */
export async function doctor(options: DoctorOptions): Promise<number> {
  const examination = await examine(options)
  const { findings } = examination
  if (options.json === true)
    process.stdout.write(
      `${printableJson({ version, findings, faults: countOf(findings, Grade.fault), warnings: countOf(findings, Grade.warn) })}\n`,
    )
  else process.stdout.write(textOf(findings))
  if (options.bundle !== undefined) {
    const { writeBundle } = await import('./bundle.js')
    return writeBundle(options.bundle, examination, options)
  }
  return findings.some(({ grade }) => grade === Grade.fault) ? ExitCode.fault : ExitCode.ok
}

async function examine(options: CommonOptions): Promise<Examination> {
  const plan = await planOf(options)
  const isPlanned = 'entries' in plan
  const config =
    isPlanned && plan.problems.every(({ severity }) => severity !== 'error')
      ? effectiveConfig(plan)
      : undefined
  const sections: Readonly<Record<string, unknown>> = { ...config }
  const pools = poolsOf(sections)
  const server = await askServer(options)
  const { cpus } = readGrant()
  const workers = pools.map(({ settings }) => Number(settings.num_workers) || Math.ceil(cpus))
  const limits = pools.map(({ settings }) =>
    isObject(settings.supervisor) ? Number(settings.supervisor.max_worker_memory) || 0 : 0,
  )
  const hasLimits = pools.length > 0 && limits.every((mb) => mb > 0)
  const needs = {
    workers: workers.reduce((sum, one) => sum + one, 0),
    isHttp: 'http' in sections,
    workersMb: hasLimits ? limits.reduce((sum, mb, at) => sum + mb * (workers[at] ?? 0), 0) : 0,
  }
  const about = isPlanned
    ? { cwd: plan.cwd, env: { ...process.env, ...plan.env } }
    : { cwd: process.cwd(), env: process.env }
  return {
    config,
    server,
    findings: [
      fine('relayrunner', version),
      ...machineFindings(needs),
      ...languageFindings(
        commandsOf(sections).flatMap((words) => interpreterOf(words) ?? []),
        about,
      ),
      ...(isPlanned ? ownFindings(plan, config ?? {}, cpus) : [plan]),
      ...serverFindings(server),
    ],
  }
}

/** The plan of a start; a finding where there is no file, or it cannot be read at all. */
async function planOf(options: CommonOptions): Promise<StartPlan | Diagnosis> {
  try {
    return await planStart('check', options)
  } catch (error) {
    const isMissing = hasCode(error, ErrorCode.ConfigNotFound)
    // Without a file the machine alone is looked at; a file that was asked for has to be there.
    const isAsked = options.config !== undefined || !isMissing
    return {
      grade: isAsked ? Grade.fault : Grade.note,
      about: 'rr.yaml',
      what: messageOf(error),
      todo: isMissing ? '`rr init` writes one; -c names one' : 'see `rr validate`',
    }
  }
}

function ownFindings(plan: StartPlan, config: object, cpus: number): readonly Diagnosis[] {
  const isRead = plan.problems.every(({ what }) => !what.startsWith('not YAML'))
  const problems = [...plan.problems, ...(isRead ? checkStart(plan) : [])]
  const isRoot = process.getuid?.() === 0
  return configFindings({ file: shownFile(plan.file), problems, config, cpus, isRoot })
}

/** The commands of workers, in `server` and in pools. */
function commandsOf(sections: Readonly<Record<string, unknown>>): readonly (readonly string[])[] {
  const all = [sections.server, ...poolsOf(sections).map(({ settings }) => settings)]
  return all.flatMap((one) => {
    const command = isObject(one) ? one.command : undefined
    if (Array.isArray(command)) return [command.map(String)]
    return typeof command === 'string' && command !== '' ? [commandWords(command) ?? []] : []
  })
}

function textOf(findings: readonly Diagnosis[]): string {
  const width = Math.max(...findings.map(({ about }) => Math.min(about.length, 24)))
  const lines = findings.flatMap(({ grade, about, what, todo }) => {
    const line = `${marks[grade]} ${printable(about).padEnd(width)}  ${printable(what)}`
    return todo === undefined ? [line] : [line, `${' '.repeat(width + 8)}→ ${printable(todo)}`]
  })
  const [faults, warnings] = [countOf(findings, Grade.fault), countOf(findings, Grade.warn)]
  return `${lines.join('\n')}\n\n${faults} faults, ${warnings} warnings\n`
}

function countOf(findings: readonly Diagnosis[], grade: Grade): number {
  return findings.filter((finding) => finding.grade === grade).length
}
