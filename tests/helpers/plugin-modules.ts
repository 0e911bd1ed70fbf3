/** Plugins as others write them: modules in a folder of their own that import only 'relayrunner', loaded by path into a container. */
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemClock } from '../../src/core/clock.js'
import { silentLogger } from '../../src/logging/logger.js'
import { Container, type ContainerOptions } from '../../src/supervisor/plugins/container.js'
import { serviceKey } from '../../src/supervisor/plugins/keys.js'
import { loadPlugin } from '../../src/supervisor/plugins/load.js'
import { projectFolder } from './project.js'

/** A container of modules, and what they wrote down with `needs.diary`. */
export interface Modules {
  readonly plugins: ContainerOptions['plugins']
  readonly container: Container
  readonly diary: readonly string[]
}

const head = `import * as api from 'relayrunner'
const { all, definePlugin, optional, section, serviceKey } = api
const Diary = serviceKey('diary')
`

/** A folder from which modules find 'relayrunner'; it goes with the test. */
async function moduleFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rr-modules-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  await mkdir(join(folder, 'node_modules'))
  await symlink(projectFolder, join(folder, 'node_modules/relayrunner'))
  return folder
}

/** Loads the text of each module behind the imports, with an empty section. Nothing is set up yet. */
export async function modulesOf(
  t: TestContext,
  texts: readonly string[],
  options: Partial<ContainerOptions> = {},
): Promise<Modules> {
  const folder = await moduleFolder(t)
  const diary: string[] = []
  const plugins: ContainerOptions['plugins'][number][] = []
  for (const [at, text] of texts.entries()) {
    const file = join(folder, `plugin-${at}.mjs`)
    await writeFile(file, head + text)
    plugins.push({ ...(await loadPlugin(file, folder)), config: {} })
  }
  const write = (line: string) => diary.push(line)
  const container = new Container({
    plugins,
    services: [[serviceKey('diary'), write]],
    mode: 'serve',
    clock: systemClock,
    log: silentLogger,
    env: {},
    onFault: (error) => diary.push(`fault: ${error.message}`),
    ...options,
  })
  return { plugins, container, diary }
}
