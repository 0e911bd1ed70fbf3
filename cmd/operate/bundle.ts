/**
 * Packs what `rr doctor` saw as a tar.gz for support: the findings, the configuration with secrets masked, versions, what the
 * running server answers, the last lines of its log. No environment but the names of its variables.
 */
import { writeFileSync } from 'node:fs'
import { arch, platform, release } from 'node:os'
import { gzipSync } from 'node:zlib'
import { printYaml } from '../../config/yaml/yaml.js'
import { messageOf } from '../../src/core/errors.js'
import { roadRunnerVersion } from '../../src/supervisor/version.js'
import { ExitCode } from '../options.js'
import { printable } from '../output.js'
import { version } from '../version.js'
import type { DoctorOptions, Examination } from './examination.js'
import { tar } from './tar.js'

const readme = `What is in here, written by \`rr doctor --bundle\`:

doctor.json      findings about the machine, the languages, the configuration, the running server
versions.json    of RelayRunner, Node and the system
environment.txt  names of the environment's variables, without values
config.yaml      the configuration in force; secrets and the values of env are ***
status.json, pools.json, workers.json, plugins.json, ledger.json
                 what the running server answers; the ledger has ids of jobs, no bodies
log.jsonl        the last lines of its log, as they were logged (not with --no-log)

Not in here: bodies of jobs, values of variables, files of the application. Look through config.yaml (words of commands are shown as
they are) and log.jsonl (your workers decide what they log) before you pass this on.
`

/** Writes the bundle, which must not exist yet, for its owner's eyes alone. Exit code 1 when it cannot be written. */
export async function writeBundle(
  file: string,
  { findings, config, server }: Examination,
  { log = true }: DoctorOptions,
): Promise<number> {
  const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`
  const names = Object.keys(process.env).sort()
  const files = new Map<string, string>([
    ['README.txt', readme],
    ['doctor.json', json(findings)],
    ['versions.json', json(versions())],
    ['environment.txt', `${names.join('\n')}\n`],
  ])
  if (config !== undefined) files.set('config.yaml', await printYaml(config))
  if (server !== undefined && server.fault === undefined) {
    const { log: lines, ...answers } = server
    for (const [name, answer] of Object.entries(answers)) files.set(`${name}.json`, json(answer))
    if (log) files.set('log.jsonl', lines.map((line) => `${line}\n`).join(''))
  }
  try {
    writeFileSync(file, gzipSync(tar('relayrunner-doctor', files, Date.now())), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    process.stderr.write(`rr: the bundle cannot be written: ${printable(messageOf(error))}\n`)
    return ExitCode.fault
  }
  process.stderr.write(`wrote ${printable(file)}: ${[...files.keys()].join(', ')}\n`)
  return ExitCode.ok
}

function versions(): object {
  return {
    relayrunner: version,
    roadrunner: roadRunnerVersion,
    node: process.versions,
    platform: platform(),
    release: release(),
    arch: arch(),
  }
}
