import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { rrCommand } from '../helpers/project.js'
import { testFolder } from '../helpers/rr.js'

/**
 * What a newcomer gets wrong, what is typed, and what rr must answer: the place where there is one, what is wrong, the nearest name first, and
 * what to do.
 */
interface Mistake {
  readonly what: string
  /** The text of rr.yaml below `version: "3"`; absent: no file. */
  readonly yaml?: string
  readonly words?: readonly string[]
  readonly code: number
  readonly says: RegExp
}

const good = 'server: { command: "node worker.mjs" }\n'
const lambda = (pool: string) => `${good}lambda: { pool: { ${pool} } }\n`

const mistakes: readonly Mistake[] = [
  {
    what: 'a typo in a key',
    yaml: 'server: { comand: "node worker.mjs" }\nlambda: {}\n',
    code: 78,
    says: /^rr\.yaml:2:11: unknown key "comand" in "server", did you mean "command"\? Expected one of /m,
  },
  {
    what: 'a typo in a section',
    yaml: 'srever: { command: "node worker.mjs" }\nlambda: {}\n',
    code: 78,
    says: /^rr\.yaml:2:1: section "srever" belongs to no plugin, did you mean "server"\?$/m,
  },
  {
    what: 'a word where a number is wanted',
    yaml: lambda('num_workers: lots'),
    code: 78,
    says: /^rr\.yaml:3:32: "lambda\.pool\.num_workers": "lots", expected a whole number from 1 to 2048 or "auto"$/m,
  },
  {
    what: 'a number below the least',
    yaml: lambda('max_jobs: -1'),
    code: 78,
    says: /^rr\.yaml:3:29: "lambda\.pool\.max_jobs": -1, expected a whole number from 0$/m,
  },
  {
    what: 'a unit where megabytes are meant',
    yaml: lambda('supervisor: { max_worker_memory: 128MB }'),
    code: 78,
    says: /^rr\.yaml:3:\d+: "lambda\.pool\.supervisor\.max_worker_memory": "128MB", expected a whole number of MB from 0, write 128, without a unit$/m,
  },
  {
    what: 'a duration without a unit',
    yaml: lambda('allocate_timeout: 60'),
    code: 78,
    says: /"lambda\.pool\.allocate_timeout": "60", expected a duration such as .*, write 60s if seconds are meant$/m,
  },
  {
    what: 'a duration in words',
    yaml: lambda('allocate_timeout: 1 min'),
    code: 78,
    says: /"lambda\.pool\.allocate_timeout": "1 min", expected a duration such as 500ms, 60s or 5m/,
  },
  {
    what: 'a tab',
    yaml: 'server:\n\tcommand: x\n',
    code: 78,
    says: /^rr\.yaml:3:1: not YAML: tabs are not allowed as indentation$/m,
  },
  {
    what: 'a wrong indentation',
    yaml: 'server:\n  command: x\n relay: pipes\n',
    code: 78,
    says: /^rr\.yaml:4:1: not YAML: all mapping items must start at the same column$/m,
  },
  {
    what: 'a key that is written twice',
    yaml: `${good}${good}`,
    code: 78,
    says: /^rr\.yaml:3:1: the key "server" is written twice, first at rr\.yaml:2:1, remove one of them$/m,
  },
  {
    what: 'an open quote',
    yaml: 'server: {command: "node worker.mjs}\nlambda: {}\n',
    code: 78,
    says: /^rr\.yaml:\d+:\d+: not YAML: /m,
  },
  {
    what: 'a variable inside braces',
    yaml: lambda('num_workers: ${WORKERS}'),
    code: 78,
    says: /^rr\.yaml:3:32: not YAML: \$\{WORKERS\} inside \{ \} or \[ \] is read as a map, quote it: "\$\{WORKERS\}"$/m,
  },
  {
    what: 'a variable that is not set, as the script',
    yaml: 'server: { command: "node ${SCRIPT}" }\nlambda: {}\n',
    code: 78,
    says: /warning: the environment variable SCRIPT is not set.*write \$\{SCRIPT:-default\}\nrr\.yaml:2:20: node is given no script to run/,
  },
  {
    what: 'no file',
    code: 78,
    says: /^rr: RR_CONFIG_NOT_FOUND: no configuration file found; looked for .*\n {4}.*-c.*`rr init`.*`rr dev index\.handler`/,
  },
  {
    what: 'a folder as the file',
    words: ['validate', '-c', '.'],
    code: 78,
    says: /^rr: RR_CONFIG_NOT_FOUND: cannot read the configuration file .*EISDIR/,
  },
  {
    what: 'a script that does not exist',
    yaml: 'server: { command: "node workr.mjs" }\nlambda: {}\n',
    code: 78,
    says: /^rr\.yaml:2:20: node would run .*\/workr\.mjs, which does not exist/m,
  },
  {
    what: 'a program that is not installed',
    yaml: 'server: { command: "php9.9 worker.php" }\nlambda: {}\n',
    code: 78,
    says: /^rr\.yaml:2:20: the program "php9\.9" is not on PATH \(.{1,200}\)\. Install php9\.9, or write its full path in `command`\.$/m,
  },
  {
    what: 'words of a shell in a command',
    yaml: 'server: { command: "cd app && node worker.mjs" }\nlambda: {}\n',
    code: 78,
    says: /warning: .*no shell reads this command: "&&".*\["sh", "-c", "exec …"\]\n(?!.*Install cd)/,
  },
  {
    what: 'a variable before the program',
    yaml: 'server: { command: "APP_ENV=dev node worker.mjs" }\nlambda: {}\n',
    code: 78,
    says: /"APP_ENV=dev" is handed on as it stands, set variables in `env`\n(?!.*Install APP)/,
  },
  {
    what: 'no command at all',
    yaml: 'lambda: {}\n',
    code: 78,
    says: /^rr\.yaml:2:1: pool "lambda" has no command, set `server\.command`, `server\.handler`, or `command` in the pool$/m,
  },
  {
    what: 'a pool that nothing declares',
    yaml: `${good}pools: { default: {} }\nlambda: { pool: defalt }\n`,
    code: 78,
    says: /^rr\.yaml:4:17: there is no pool "defalt", did you mean "default"\?/m,
  },
  {
    what: 'nothing that does any work',
    yaml: good,
    code: 0,
    says: /rr\.yaml is valid: no pools, no plugins; nothing here does any work: add `lambda:` or `pools:`/,
  },
  {
    what: 'a handler whose file is missing',
    words: ['dev', 'nope.handler'],
    code: 78,
    says: /^rr: RR_CONFIG_NOT_FOUND: .*HANDLER="nope\.handler" does not name a file in .*\n {4}.*index\.handler/,
  },
  {
    what: 'an ordinary handler for HTTP',
    yaml: 'server: { handler: worker.handler }\nhttp: { address: "127.0.0.1:0" }\n',
    words: ['serve'],
    code: 78,
    says: /^rr\.yaml:2:20: "server\.handler": "worker\.handler" takes events .*`http:` \(rr\.yaml:3\).*fetchHandler.*asgi_handler/m,
  },
  {
    what: 'an ordinary handler for jobs of RoadRunner',
    yaml: 'server: { handler: worker.handler }\njobs: { pipelines: { a: { driver: memory } } }\n',
    code: 78,
    says: /^rr\.yaml:2:20: .*cannot read jobs .* Add `mode: raw` to `jobs:`/m,
  },
  {
    what: 'a server that does not run',
    yaml: good,
    words: ['workers'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: no server runs for .*rr\.yaml\n {4}.*`rr serve`/,
  },
  {
    what: 'an event without a server',
    yaml: `${good}lambda: {}\nemulator: { address: "127.0.0.1:1" }\n`,
    words: ['invoke'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: no emulator answers on 127\.0\.0\.1:1 \(emulator\.address of rr\.yaml\).*\n {4}Start one with `rr dev -c rr\.yaml`/,
  },
  {
    what: 'an event that cannot be read',
    words: ['invoke', 'nope.json'],
    code: 2,
    says: /^rr: RR_USAGE: cannot read nope\.json: ENOENT.*\n {4}.*--event NAME/,
  },
  {
    what: 'a number in words',
    words: ['invoke', '--sqs', 'ten'],
    code: 2,
    says: /^rr: RR_USAGE: --sqs takes a number of records from 1 to 10000, not "ten"\n {4}For example/,
  },
  {
    what: 'an option without its value',
    words: ['invoke', '--sqs'],
    code: 2,
    says: /^rr: RR_USAGE: option '--sqs <n>' argument missing\n {4}/,
  },
  {
    what: 'a typo in a command',
    words: ['vlaidate'],
    code: 2,
    says: /^rr: RR_USAGE: unknown command 'vlaidate'\n {4}Did you mean validate\?\n$/,
  },
  {
    what: 'a typo in an option',
    words: ['invoke', '--bdy', 'x'],
    code: 2,
    says: /^rr: RR_USAGE: unknown option '--bdy'\n {4}Did you mean --body\?\n$/,
  },
  {
    what: 'a queue without a server',
    yaml: good,
    words: ['send', '--body', 'x'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: .*\n {4}/,
  },
  {
    what: 'a plugin by a wrong path',
    yaml: `${good}plugins: [./out/gatway.js]\n`,
    code: 78,
    says: /^rr\.yaml:3:11: plugin "\.\/out\/gatway\.js" cannot be found from .*\. Paths are relative to the file that names them\.$/m,
  },
  {
    what: 'a plugin that is not installed',
    yaml: `${good}plugins: [relayrunner-plugin-nope]\n`,
    code: 78,
    says: /^rr\.yaml:3:11: plugin "relayrunner-plugin-nope" cannot be found from .*\. Run npm install relayrunner-plugin-nope there\.$/m,
  },
  {
    what: 'a section whose plugin is not listed',
    yaml: `${good}gateway: { port: 1 }\n`,
    code: 78,
    says: /^rr\.yaml:3:1: section "gateway" belongs to no plugin, is its plugin listed under `plugins:`\?$/m,
  },
  {
    what: 'a plugin without a default export',
    yaml: `${good}plugins: [./worker.mjs]\n`,
    code: 78,
    says: /^rr\.yaml:3:11: plugin .*does not export a plugin by default\. Write `export default definePlugin\(\{ name, setup \}\)`\.$/m,
  },
  {
    what: 'an override without a value',
    yaml: `${good}lambda: {}\n`,
    words: ['validate', '-o', 'lambda.pool.num_workers'],
    code: 78,
    says: /^-o lambda\.pool\.num_workers: the override "lambda\.pool\.num_workers", expected key\.path=value$/m,
  },
  {
    what: 'an override of an unknown key',
    yaml: `${good}lambda: {}\n`,
    words: ['validate', '-o', 'lambda.pool.num_worker=2'],
    code: 78,
    says: /^-o lambda\.pool\.num_worker: unknown key "num_worker" in "lambda\.pool", did you mean "num_workers"\?/m,
  },
  {
    what: 'a language that rr init does not know',
    words: ['init', 'pythn'],
    code: 2,
    says: /^rr: RR_USAGE: .*not "pythn"\n {4}Did you mean `rr init python`\?\n$/,
  },
  {
    what: 'an unknown sample event',
    words: ['invoke', '--event', 'kineses'],
    code: 2,
    says: /^rr: RR_USAGE: .*did you mean "kinesis"\?\n {4}/,
  },
  {
    what: 'an unknown shell',
    words: ['completion', 'tcsh'],
    code: 2,
    says: /^rr: RR_USAGE: rr completion takes bash, zsh, fish, not "tcsh"/,
  },
  ...['start', 'status', 'reload', 'dashboard'].map((word) => ({
    what: `a command of other programs: ${word}`,
    words: [word],
    code: 2,
    says: new RegExp(`^rr: RR_USAGE: unknown command '${word}'\n {4}\`rr (serve|workers|reset|top)\``),
  })),
  {
    what: 'an option of other programs',
    words: ['dev', '--port', '9011'],
    code: 2,
    says: /^rr: RR_USAGE: unknown option '--port'\n {4}Addresses are keys of the file: `-o emulator\.address=/,
  },
  {
    what: 'help on a word that is not a command',
    words: ['help', 'me'],
    code: 2,
    says: /^rr: RR_USAGE: unknown command 'me'\n {4}`rr --help` lists the commands/,
  },
  {
    what: 'another name of a sample event',
    words: ['invoke', '--event', 'apigw'],
    code: 2,
    says: /^rr: RR_USAGE: .*did you mean "api-gateway"\?\n {4}/,
  },
  {
    what: 'an address without a host',
    words: ['invoke', '--address', '9999'],
    code: 2,
    says: /^rr: RR_USAGE: --address takes HOST:PORT, not "9999"\n {4}For example: `--address 127\.0\.0\.1:9999`\.$/m,
  },
  {
    what: 'a pool that does not exist, without a server',
    yaml: good,
    words: ['reset', 'nopool'],
    code: 1,
    says: /^rr: RR_NOT_RUNNING: /,
  },
]

async function run(t: TestContext, { yaml, words = ['validate'] }: Mistake) {
  const folder = await testFolder(t)
  if (yaml !== undefined) await writeFile(join(folder, 'rr.yaml'), `version: "3"\n${yaml}`)
  await writeFile(join(folder, 'worker.mjs'), '')
  const child = spawn(process.execPath, [rrCommand, ...words], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let text = ''
  child.stderr.on('data', (chunk) => {
    text += String(chunk)
  })
  const [code]: (number | null)[] = await once(child, 'close')
  return { code, text }
}

/** Commands that run side by side: a newcomer's mistakes are many, and each takes most of a second. */
const atOnce = 3

test('every mistake of a newcomer is told with its place, the nearest name and what to do', async (t) => {
  const left = [...mistakes]
  const next = async (): Promise<void> => {
    for (let mistake = left.shift(); mistake !== undefined; mistake = left.shift()) {
      const { code, text } = await run(t, mistake)
      assert.match(text, mistake.says, mistake.what)
      assert.equal(code, mistake.code, `${mistake.what}: ${text}`)
      // A stack is for the authors of rr.
      assert.doesNotMatch(text, /\n {4}at /, mistake.what)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
})
