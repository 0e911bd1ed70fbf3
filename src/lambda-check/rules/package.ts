/** Rules about the deployed package: whether Lambda starts it, and the format of its log. Pure. */
import { called, setFunction } from '../fixes.js'
import type { Finding, FunctionSetup } from '../setup.js'

const ourRuntime = 'provided.al2023'
const oldRuntimes: ReadonlySet<string> = new Set(['provided', 'provided.al2'])

/** True when another program than ours answers: a managed runtime never starts a `bootstrap`. */
export function isManaged({
  runtime: given,
  packageType,
}: Pick<FunctionSetup, 'runtime' | 'packageType'>): boolean {
  return given !== undefined && packageType?.value !== 'Image' && !/^provided(\.|$)/.test(given.value)
}

/** Only an OS-only runtime runs a `bootstrap`. */
export function runtime(setup: FunctionSetup): Finding[] {
  const { runtime: given, packageType } = setup
  if (given === undefined || packageType?.value === 'Image') return []
  const fix = `${setFunction(setup, 'runtime', ourRuntime)}, or ship an image`
  if (oldRuntimes.has(given.value)) {
    const reason = `the runtime ${given.value} is Amazon Linux ${given.value === 'provided' ? 1 : 2}, whose glibc is older than the 2.28 that Node 20 needs: the bootstrap cannot start it`
    return [{ rule: 'runtime-old', severity: 'error', at: given.at, reason, fix }]
  }
  if (!isManaged(setup)) return []
  const reason = `the runtime ${given.value} runs its own handler and never the bootstrap: rr does not start`
  return [{ rule: 'runtime-managed', severity: 'error', at: given.at, reason, fix }]
}

/** AWS wants a handler of every function in a zip; without an rr.yaml it names the worker. */
export function handler(setup: FunctionSetup): Finding[] {
  const { handler: given, packageType } = setup
  if (given === undefined || given.value !== '' || packageType?.value !== 'Zip') return []
  const reason =
    'the function has no handler: AWS refuses a zip without one; without an rr.yaml the handler names the worker'
  const fix = setFunction(setup, 'handler', 'worker.php')
  return [{ rule: 'handler-missing', severity: 'error', at: given.at ?? setup.at, reason, fix }]
}

/** Checks the file that Lambda starts. */
export function bootstrapFile(setup: FunctionSetup): Finding[] {
  const { bootstrapFault: fault, packageType } = setup
  if (fault === undefined || packageType?.value !== 'Zip' || isManaged(setup)) return []
  const reason =
    fault.value === 'missing'
      ? 'the function has no file bootstrap in its folder and no layer that may bring one: it ends with Runtime.InvalidEntrypoint'
      : 'the file bootstrap in the function’s folder is not executable: it ends with Runtime.InvalidEntrypoint'
  const fix =
    fault.value === 'missing'
      ? 'copy node_modules/relayrunner/bootstrap into the folder'
      : 'chmod 755 bootstrap'
  return [{ rule: 'bootstrap', severity: 'error', at: fault.at ?? setup.at, reason, fix }]
}

/** Checks the log format: Lambda filters levels of JSON only. */
export function logFormat(setup: FunctionSetup): Finding[] {
  const { logFormat: given } = setup
  if (given?.value.toLowerCase() !== 'text' || given.isDefault === true) return []
  const reason =
    'the log format is Text: the JSON lines of rr do not have AWS’s names, and Lambda adds its START, END and REPORT lines as text'
  const property = called(
    setup.origin,
    'LoggingConfig: { LogFormat: JSON }',
    'logs: { lambda: { logFormat: JSON } }',
  )
  const fix =
    setup.origin === 'aws'
      ? `aws lambda update-function-configuration --function-name ${setup.name} --logging-config LogFormat=JSON`
      : `set ${property} of the function ${setup.name}`
  return [{ rule: 'log-format', severity: 'note', at: given.at, reason, fix }]
}
