import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type DocBlock, docBlocks, fileNameOf } from './helpers/doc-blocks.js'
import { commandsOf, compact, outputsOf, scriptOf } from './helpers/doc-script.js'
import { installPacked } from './helpers/installed.js'
import { missing, projectFolder } from './helpers/project.js'
import { testFolder } from './helpers/rr.js'

const blocks = docBlocks()
const sessions = new Map<string, DocBlock[]>()
for (const block of blocks) {
  if (block.run !== undefined) sessions.set(block.run.name, [...(sessions.get(block.run.name) ?? []), block])
}
test('every code block is run, or compiled, or says why it is not', () => {
  const compiled = ['ts', 'python', 'json']
  const idle = blocks.filter(
    ({ run, notRun, language }) => run === undefined && notRun === undefined && !compiled.includes(language),
  )
  assert.deepEqual(
    idle.map(({ at, language }) => `${at} ${language}`),
    [],
  )
  assert.ok(sessions.size >= 8)
})

/** An empty folder with the package installed from its tarball. */
async function project(t: TestContext): Promise<string> {
  const folder = await testFolder(t)
  await installPacked(folder)
  return folder
}

async function writeBlocks(folder: string, session: readonly DocBlock[]): Promise<void> {
  for (const block of session) {
    const name = fileNameOf(block)
    if (name !== undefined) await writeFile(join(folder, name), block.text)
    else assert.equal(block.language, 'sh', `${block.at} names no file in its first line`)
  }
}

/** The example package as a project would have it: built against the installed types. */
async function addHeartbeat(folder: string): Promise<void> {
  const plugin = join(folder, 'node_modules/relayrunner-plugin-heartbeat')
  await cp(join(projectFolder, 'examples/plugin-heartbeat'), plugin, { recursive: true })
  compile(plugin)
}

function compile(folder: string): void {
  const tsc = join(projectFolder, 'node_modules/typescript/bin/tsc')
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', folder], {
    encoding: 'utf8',
    cwd: folder,
  })
  assert.equal(status, 0, stdout)
}

async function runShell(folder: string, block: string, at: string): Promise<void> {
  const commands = commandsOf(block)
  const env = { ...process.env, PATH: `${join(folder, 'node_modules/.bin')}:${process.env.PATH}` }
  const child = spawn('sh', ['-c', scriptOf(commands)], { cwd: folder, env })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (chunk) => {
    texts.out += String(chunk)
  })
  child.stderr.on('data', (chunk) => {
    texts.err += String(chunk)
  })
  const [code]: (number | null)[] = await once(child, 'close')
  assert.equal(code, 0, `${at}\n${texts.out}\n${texts.err}`)
  const outputs = outputsOf(texts.out)
  for (const [index, { text, expected }] of commands.entries())
    if (expected !== undefined)
      assert.equal(compact(outputs[index] ?? ''), compact(expected), `${at}: ${text}`)
}

/** Runs the files of a project without commands: they must be valid, start, answer a batch where they can, and stop. */
function standardRun(session: readonly DocBlock[]): string {
  const answers = session.some(({ text }) => text.includes('lambda:'))
  const invoke = answers ? ['relayrunner invoke --sqs 3'] : []
  return ['relayrunner validate', 'relayrunner dev &', ...invoke, 'relayrunner stop'].join('\n')
}

for (const [name, session] of sessions) {
  const skip = name.endsWith('php') ? missing('php') : name.endsWith('python') ? missing('python3') : false
  test(`the blocks "${name}" do what they say, in an empty folder with the packed package`, {
    skip,
  }, async (t) => {
    const folder = await project(t)
    const earlier = session.find(({ run }) => run?.after !== undefined)?.run?.after
    const files = (sessions.get(earlier ?? '') ?? []).filter((block) => fileNameOf(block) !== undefined)
    await writeBlocks(folder, [...files, ...session])
    if (name === 'plugin-heartbeat') await addHeartbeat(folder)
    const shells = session.filter(({ language }) => language === 'sh')
    for (const { text, at } of shells) await runShell(folder, text, at)
    if (shells.length === 0) await runShell(folder, standardRun(session), session[0]?.at ?? name)
  })
}

test('TypeScript blocks compile against the packed types; JSON, YAML and Python blocks are valid', async (t) => {
  const folder = await project(t)
  await addHeartbeat(folder)
  const found = blocks.filter(({ language }) => language === 'ts')
  assert.ok(found.length > 0)
  const names = found.map((_, at) => `block-${at}.ts`)
  for (const [at, { text }] of found.entries()) await writeFile(join(folder, names[at] ?? ''), text)
  const options = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    noEmit: true,
    types: ['node'],
    skipLibCheck: true,
  }
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: names }))
  compile(folder)
  for (const { language, text, at, run } of blocks) {
    if (language === 'json') assert.doesNotThrow(() => JSON.parse(text), at)
    if (language !== 'python' || run !== undefined || missing('python3') !== false) continue
    const { status, stderr } = spawnSync('python3', ['-c', 'import ast, sys; ast.parse(sys.stdin.read())'], {
      input: text,
      encoding: 'utf8',
    })
    assert.equal(status, 0, `${at}\n${stderr}`)
  }
})
