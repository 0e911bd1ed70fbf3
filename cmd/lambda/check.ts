/**
 * `rr lambda check`: reads a function's configuration and lists settings that will cause problems. The rules are in
 * `lambda-check/rules/`.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { readTemplate } from '../../config/cloud-template.js'
import { ErrorCode, hasCode, messageOf } from '../../src/core/errors.js'
import { applyFlags, emptySetup, hasFlags, type SetupFlags } from '../../src/lambda-check/from-flags.js'
import { readServerless } from '../../src/lambda-check/from-serverless.js'
import { type FoundFunction, readFunctions } from '../../src/lambda-check/from-template.js'
import { memberOf, Template } from '../../src/lambda-check/intrinsics.js'
import { asJson, asText } from '../../src/lambda-check/print.js'
import { isManaged } from '../../src/lambda-check/rules/package.js'
import { checkFunction } from '../../src/lambda-check/rules.js'
import type { FunctionSetup } from '../../src/lambda-check/setup.js'
import { formatProblem, type Problem } from '../../src/schema/tree.js'
import { type CommonOptions, ExitCode, wrongUsage } from '../options.js'
import { readWorkers } from './check-workers.js'

/** Options of `rr lambda check`, in addition to the common ones and those that describe the function. */
export interface CheckOptions extends CommonOptions, SetupFlags {
  readonly template?: string
  readonly parameter?: readonly string[]
  readonly function?: string
  readonly region?: string
}

const usageHint =
  'Name a file with --template, a deployed function with --function, or describe one: --timeout 30 …'
const templateNames = ['template.yaml', 'template.yml', 'serverless.yml', 'serverless.yaml', 'template.json']

/** Errors that mean that the file, or a plugin that it lists, cannot be read. */
const unreadableCodes = [ErrorCode.ConfigNotFound, ErrorCode.PluginLoad, ErrorCode.PluginApi] as const

/**
 * Checks and prints. Returns 0 without errors and warnings, 1 with them, 2 when there is nothing to check, 78 for a file
 * that cannot be read.
 */
export async function lambdaCheck(options: CheckOptions): Promise<number> {
  const source = sourceOf(options)
  if (source === undefined)
    return wrongUsage(`nothing to check: this folder has no ${templateNames.join(', ')}`, usageHint)
  const found =
    source.kind === 'template' ? await fromFile(source.file, options) : await fromElsewhere(options)
  if ('fault' in found) return found.fault
  const setups: FunctionSetup[] = []
  for (const { setup, folder } of found.functions) {
    const workers = await staff(options, folder === undefined ? found.folders : [folder, ...found.folders])
    if ('fault' in workers) return workers.fault
    setups.push({ ...applyFlags(setup, options), workers: workers.workers })
  }
  const findings = setups.flatMap(checkFunction)
  process.stdout.write(`${options.json === true ? asJson(findings) : asText(findings, setups)}\n`)
  return findings.some(({ severity }) => severity !== 'note') ? ExitCode.fault : ExitCode.ok
}

type SetupSource = { readonly kind: 'template'; readonly file: string } | { readonly kind: 'elsewhere' }

function sourceOf(options: CheckOptions): SetupSource | undefined {
  if (options.template !== undefined) return { kind: 'template', file: options.template }
  if (options.function !== undefined || hasFlags(options)) return { kind: 'elsewhere' }
  const file = templateNames.find((name) => existsSync(name))
  return file === undefined ? undefined : { kind: 'template', file }
}

interface Functions {
  readonly functions: readonly FoundFunction[]
  /** Folders that may hold an rr.yaml. */
  readonly folders: readonly string[]
}
interface CheckFailed {
  readonly fault: number
}

async function fromElsewhere(options: CheckOptions): Promise<Functions> {
  if (options.function === undefined)
    return { functions: [{ setup: emptySetup(options), folder: undefined }], folders: [] }
  const { readDeployed } = await import('../../src/lambda-check/from-aws.js')
  const setup = await readDeployed({ name: options.function, region: options.region })
  return { functions: [{ setup, folder: undefined }], folders: [] }
}

async function fromFile(name: string, options: CheckOptions): Promise<Functions | CheckFailed> {
  const file = resolve(name)
  const parsed = await tryRead(() => readTemplate(file, process.cwd()))
  if ('fault' in parsed) return parsed
  const { tree, problems } = parsed
  if (problems.length > 0) return unreadable(problems)
  const folder = dirname(file)
  const given = new Map((options.parameter ?? []).map((text) => splitOnce(text)))
  const all =
    memberOf(tree, 'functions') === undefined
      ? readFunctions(new Template(tree, given), tree, folder)
      : readServerless(tree, folder)
  if (all.length === 0)
    return unreadable([
      {
        severity: 'error',
        at: { file: name, line: 1, column: 1 },
        what: 'the file has no Lambda function',
        expected: 'Resources with an AWS::Serverless::Function or AWS::Lambda::Function, or functions',
      },
    ])
  const chosen = choose(all, options.function)
  if (chosen.length === 0) {
    const names = all.map(({ setup }) => setup.name).join(', ')
    return { fault: wrongUsage(`${name} has no function ${options.function}; it has ${names}`, usageHint) }
  }
  const functions = chosen.map((one) => {
    return one.folder === undefined ? one : { ...one, folder: resolve(folder, one.folder) }
  })
  return { functions, folders: [folder] }
}

/**
 * Selects the named function, else those that can run rr: functions on managed runtimes cannot, and are taken only when
 * there are no others.
 */
function choose(all: readonly FoundFunction[], name: string | undefined): readonly FoundFunction[] {
  if (name !== undefined) return all.filter(({ setup }) => setup.name === name)
  const ours = all.filter(({ setup }) => !isManaged(setup))
  return ours.length > 0 ? ours : all
}

async function staff(
  options: CheckOptions,
  folders: readonly string[],
): Promise<Awaited<ReturnType<typeof readWorkers>> | CheckFailed> {
  const read = await tryRead(() => readWorkers(options, folders))
  if ('fault' in read) return read
  const faults = read.problems.filter(({ severity }) => severity === 'error')
  return faults.length > 0 ? unreadable(faults) : read
}

async function tryRead<T extends object>(read: () => Promise<T>): Promise<T | CheckFailed> {
  try {
    return await read()
  } catch (error) {
    const code = unreadableCodes.find((one) => hasCode(error, one))
    if (code === undefined) throw error
    process.stderr.write(`rr: ${code}: ${messageOf(error)}\n`)
    return { fault: ExitCode.config }
  }
}

function unreadable(problems: readonly Problem[]): CheckFailed {
  for (const problem of problems) process.stderr.write(`${formatProblem(problem)}\n`)
  return { fault: ExitCode.config }
}

function splitOnce(text: string): [string, string] {
  const equals = text.indexOf('=')
  return [text.slice(0, equals), text.slice(equals + 1)]
}
