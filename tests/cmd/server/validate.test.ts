import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { checkStart } from '../../../cmd/server/check-start.js'
import { planStart } from '../../../cmd/server/plan.js'
import { formatProblem } from '../../../src/schema/tree.js'
import { projectFolder, rrCommand } from '../../helpers/project.js'
import { testFolder } from '../../helpers/rr.js'

const plugin = (body: string) =>
  `import { definePlugin, poolOrName, Pools, section, serviceKey } from 'relayrunner'\n${body}\n`

const files: Readonly<Record<string, string>> = {
  'worker.php': '<?php',
  'worker.mjs': '',
  'app.js': '',
  'index.mjs': '',
  'worker.py': '',
  'text-file': 'no interpreter\n',
  'old.db': 'of RoadRunner',
  'rr.db': 'of RoadRunner',
  'needs.mjs': plugin(
    "export default definePlugin({ name: 'needs', needs: { queue: serviceKey('queue') }, setup() {} })",
  ),
  'own.mjs': plugin(
    "export default definePlugin({ name: 'own', needs: { pools: Pools }, config: section({ pool: poolOrName() }), setup() {} })",
  ),
  'throws.mjs': 'throw new Error("not today")\n',
  'nothing.mjs': 'export default 7\n',
}

async function project(t: TestContext): Promise<string> {
  const folder = await testFolder(t)
  await mkdir(join(folder, 'app'))
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text)
  return folder
}

async function problemsOf(folder: string, yaml: string): Promise<string[]> {
  const file = join(folder, 'rr.yaml')
  await writeFile(file, `version: "3"\n${yaml}\n`)
  const plan = await planStart('check', { config: file, override: [] })
  const problems = [...plan.problems, ...checkStart(plan)].filter(({ severity }) => severity === 'error')
  return problems.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ''))
}

const isRoot = process.getuid?.() === 0
const handler = 'server: { handler: index.handler }'
const command = (text: string) => `server: { command: ${text} }\nlambda: {}`

// After `version: "3"` on line 1; all that is wrong with each.
const faulty: readonly [yaml: string, problems: readonly RegExp[]][] = [
  ['lambda: {}', [/^rr\.yaml:2:1: pool "lambda" has no command, set `server\.command`/]],
  ['server: { command: "" }\nlambda: {}', [/^rr\.yaml:3:1: pool "lambda" has no command/]],
  [
    'pools:\n  a: { num_workers: 1 }\n  b: {}',
    [/^rr\.yaml:3:3: pool "a" has/, /^rr\.yaml:4:3: pool "b" has/],
  ],
  [`${command('"php worker.php"')}\npools: { a: { command: [] } }`, []],
  [
    'server: { command: "php worker.php" }\nlambda: { pool: shared }',
    [/^rr\.yaml:3:17: there is no pool "shared", expected one that `pools:` declares$/],
  ],
  [
    'server: { command: "php worker.php" }\npools: { default: {} }\nlambda: { pool: defalt }',
    [/^rr\.yaml:4:17: there is no pool "defalt", did you mean "default"\? Expected one of default$/],
  ],
  [
    'server: { command: "php worker.php" }\njobs:\n  pipelines:\n    a: { driver: boltdb, config: { file: old.db } }\n    b: { driver: boltdb }',
    [
      /^rr\.yaml:5:42: old\.db may hold data of RoadRunner.*`boltdb\.ignore_existing: true`/,
      /^rr\.yaml:6:8: rr\.db may hold/,
    ],
  ],
  ['kv: { a: { driver: boltdb, config: { file: old.db } } }', [/^rr\.yaml:2:44: old\.db may hold data/]],
  [
    'server: { command: "php worker.php" }\npools: { mail: {} }\njobs:\n  pipelines:\n    a: { driver: memory, pool: mail }\n    b: { driver: memory, pool: mial }',
    [/^rr\.yaml:7:32: there is no pool "mial", did you mean "mail"/],
  ],
  [command('"php9.9 worker.php"'), [/^rr\.yaml:2:20: the program "php9\.9" is not on PATH/]],
  [command('"./text-file"'), [/^rr\.yaml:2:20: the program text-file is not executable/]],
  [command('"./nothing-here"'), [/^rr\.yaml:2:20: the program nothing-here is not an executable file/]],
  [command('"php workr.php"'), [/^rr\.yaml:2:20: php would run workr\.php, which does not exist$/]],
  [command('"php -d memory_limit=1G -q workr.php"'), [/php would run workr\.php/]],
  [command('"php -f workr.php -- x"'), [/php would run workr\.php/]],
  [command('"node --enable-source-maps -r ./app.js workr.mjs"'), [/node would run workr\.mjs/]],
  [command('["python3", "-u", "-X", "dev", "app/workr.py"]'), [/python3 would run app\/workr\.py/]],
  [
    command('"php ${SCRIPT_UNSET}"'),
    [/^rr\.yaml:2:20: php is given no script to run, is a variable unset\?/],
  ],
  [
    command('["node", "${SCRIPT_UNSET}"]'),
    [/^rr\.yaml:2:20: the command has an empty word, is a variable unset\?/],
  ],
  [
    'server: { comand: "php worker.php" }\nlambda: {}',
    [/^rr\.yaml:2:11: unknown key "comand".*did you mean "command"/],
  ],
  [command('"${PROGRAM_UNSET}"'), [/pool "lambda" has no command/]],
  [
    'server: { command: "php worker.php", cwd: nowhere }\nlambda: {}',
    [/^rr\.yaml:2:43: "cwd": there is no folder nowhere$/],
  ],
  [
    'server: { command: "php worker.php" }\nlambda: { pool: { cwd: app } }',
    [/php would run app\/worker\.php/],
  ],
  [
    'server: { command: "php worker.php", env: { PATH: /nowhere } }\nlambda: {}',
    [/the program "php" is not on PATH \(\/nowhere\)/],
  ],
  [
    'lambda: { pool: { runtime: thread, command: nobody.ts, user: nobody } }',
    [/^rr\.yaml:2:62: "user" is for processes/, /there is no module nobody\.ts to run in a thread/],
  ],
  [
    'server: { handler: indx.handler }\nlambda: {}',
    [/^rr\.yaml:2:20: "server\.handler": "indx\.handler" does not name a file/],
  ],
  [
    `${handler}\nhttp: { address: "127.0.0.1:0" }`,
    [
      /^rr\.yaml:2:20: "server\.handler": "index\.handler" takes events of Lambda, it cannot answer HTTP requests, and `http:` \(\S*rr\.yaml:3\) uses it\. Set `server\.command` .*fetchHandler.*asgi_handler.*PSR-7.*`emulator:`/,
    ],
  ],
  [
    `${handler}\npools: { web: {} }\nhttp: { address: "127.0.0.1:0", pool: web }`,
    [/^rr\.yaml:2:20: .*cannot answer HTTP requests/],
  ],
  [
    `${handler}\nhttp: { address: "127.0.0.1:0", pool: { command: "node worker.mjs" }, pools: { a: { match: [/a] } } }`,
    [/^rr\.yaml:2:20: .*cannot answer HTTP requests/],
  ],
  [
    `${handler}\njobs: { pipelines: { a: { driver: memory } } }`,
    [/^rr\.yaml:2:20: .*cannot read jobs .*`jobs:` \(\S*rr\.yaml:3\) uses it\. Add `mode: raw` to `jobs:`/],
  ],
  [
    'plugins:\n  - ./own.mjs\n  - ./needs.mjs',
    [
      /^rr\.yaml:4:5: plugin "needs" needs service "queue@1", which no plugin provides/,
      /^rr\.yaml:3:5: pool "own" has no command/,
    ],
  ],
  ['plugins: [./own.mjs]\nown: { pool: shared }', [/^rr\.yaml:3:14: there is no pool "shared"/]],
  [
    'plugins:\n  - ./throws.mjs\n  - ./nothing.mjs\n  - ./gone.mjs',
    [
      /^rr\.yaml:3:5: plugin \.\/throws\.mjs .* failed to load: not today/,
      /^rr\.yaml:4:5: plugin \.\/nothing\.mjs .* does not export a plugin/,
      /^rr\.yaml:5:5: plugin "\.\/gone\.mjs" cannot be found/,
    ],
  ],
  [
    'plugins: [./own.mjs, ./own.mjs]\nown: { pool: { command: "php worker.php" } }',
    [/^rr\.yaml:2:\d+: two plugins have the name "own"/],
  ],
  [
    'emulator: { address: "127.0.0.1:70000" }',
    [/^rr\.yaml:2:22: "emulator\.address": there is no port 70000/],
  ],
  [
    'emulator: { address: "203.0.113.7:9010" }',
    [/no network interface of this machine has the address 203\.0\.113\.7$/],
  ],
  [
    'server: { relay: "tcp://192.168.1.2:9000" }',
    [/^rr\.yaml:2:18: "server\.relay": tcp:\/\/192\.168\.1\.2:9000 is not a loopback address$/],
  ],
  ['server: { relay: "unix://no/such/rr.sock" }', [/"server\.relay": the folder no\/such does not exist$/]],
  [
    `rpc: { listen: "unix:///tmp/${'x'.repeat(120)}" }`,
    [/"rpc\.listen": the path \S+ has \d+ bytes; the limit is 103$/],
  ],
  [
    'server: { command: "php worker.php", user: no-such-user }\nlambda: {}',
    [/^rr\.yaml:2:44: pool "lambda" \(user: no-such-user\): there is no user "no-such-user"/],
  ],
  ...(isRoot
    ? []
    : [
        [
          'server: { command: "php worker.php", user: root }\nlambda: {}',
          [/only root may start workers/],
        ] as [string, RegExp[]],
      ]),
]

test('validate finds what the start would refuse, at its place in the file', async (t) => {
  const folder = await project(t)
  for (const [yaml, expected] of faulty) {
    const problems = await problemsOf(folder, yaml)
    // A pool's own empty command falls back to that of the server.
    assert.equal(problems.length, expected.length, `${yaml}\n${problems.join('\n')}`)
    for (const [at, one] of expected.entries()) assert.match(problems[at] ?? '', one, yaml)
  }
})

test('validate passes what may well start', async (t) => {
  const folder = await project(t)
  const fine = [
    command('"php worker.php"'),
    command('"php -d x=1 -dy=2 worker.php --flag"'),
    command('"php -r \'echo 1;\'"'),
    command('"node app"'),
    command('"node --loader ./unknown.mjs x"'),
    command('"node --import ./app.js worker.mjs"'),
    command('"python3 -u worker.py"'),
    command('"python3 -um relayrunner app.main"'),
    command('"python3 -c pass"'),
    command('["sh", "-c", "exec php workr.php"]'),
    command('"env php workr.php"'),
    `${handler}\nhttp: { address: "127.0.0.1:0", pool: { command: "node worker.mjs" } }`,
    `${handler}\npools: { web: { command: "node worker.mjs" } }\nhttp: { address: "127.0.0.1:0", pool: web }`,
    `${handler}\njobs: { mode: raw, pipelines: { a: { driver: memory } } }`,
    `${handler}\npools: { mail: { command: "node worker.mjs" } }\njobs: { pipelines: { a: { driver: memory, pool: mail } } }`,
    'boltdb: { ignore_existing: true }\nkv: { a: { driver: boltdb } }',
    'kv: { a: { driver: boltdb, config: { file: new.db } } }',
    'lambda: { pool: { runtime: thread, command: worker.mjs } }',
    'server: { command: "php worker.php" }\npools: { default: {} }\nlambda: { pool: default }\nplugins: [./own.mjs]\nown: { pool: default }',
    'emulator: { address: "localhost:0" }\nserver: { relay: "tcp://[::1]:9000" }',
    'emulator: { address: "0.0.0.0:9010" }\nserver: { relay: "unix://rr.sock" }\nrpc: { listen: "unix://app/x.sock" }',
  ]
  for (const yaml of fine) assert.deepEqual(await problemsOf(folder, yaml), [], yaml)
})

test('validate says in one line what is valid, and for which commands', async (t) => {
  const folder = await project(t)
  const say = async (yaml: string) => {
    await writeFile(join(folder, 'rr.yaml'), `version: "3"\n${yaml}\n`)
    const { status, stdout, stderr } = spawnSync(process.execPath, [rrCommand, 'validate'], {
      cwd: folder,
      encoding: 'utf8',
    })
    assert.deepEqual([status, stdout], [0, ''], stderr)
    return stderr
  }
  const own = `plugins: [./own.mjs]\n${command('"php worker.php"')}\npools: { a: {} }\nemulator: {}`
  assert.equal(await say(own), 'rr.yaml is valid: 3 pools, 1 plugin\n')
  assert.match(
    await say(command('"php worker.php"')),
    /^rr\.yaml:3:\d+: note: `rr serve` refuses[^\n]*`rr dev`[^\n]*\nrr\.yaml is valid: 1 pool, no plugins\n$/,
  )
  assert.match(await say(''), /^rr\.yaml is valid: no pools, no plugins; nothing here does any work[^\n]*\n$/)
})
