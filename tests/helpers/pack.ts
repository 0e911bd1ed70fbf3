/** Our package as a user gets it: `npm pack` of the build, laid out in a project's node_modules. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdir, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { projectFolder } from './project.js'

const manifest: { files: readonly string[] } = JSON.parse(
  readFileSync(join(projectFolder, 'package.json'), 'utf8'),
)
/** Files that package.json publishes: parts of the build, and of the checkout. */
const published = manifest.files.filter((name) => !name.startsWith('!'))

/** Packs into `folder` and returns the tarball's path. */
export async function packSelf(folder: string): Promise<string> {
  const stage = join(folder, 'stage')
  await mkdir(stage, { recursive: true })
  for (const name of [...published, 'package.json']) {
    await cp(join(projectFolder, name), join(stage, name), { recursive: true })
  }
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder]
  const packed = spawnSync('npm', words, { cwd: stage, encoding: 'utf8' })
  if (packed.status !== 0) throw new Error(`npm pack failed:\n${packed.stderr}`)
  const [{ filename }]: [{ filename: string }] = JSON.parse(packed.stdout)
  return join(folder, filename)
}

/** Unpacks a tarball as `node_modules/NAME` of a project. */
export async function install(project: string, name: string, tarball: string): Promise<void> {
  const target = join(project, 'node_modules', name)
  await mkdir(target, { recursive: true })
  const untar = spawnSync('tar', ['-xzf', tarball, '-C', target, '--strip-components=1'], {
    encoding: 'utf8',
  })
  if (untar.status !== 0) throw new Error(`tar failed:\n${untar.stderr}`)
}

/** Gives a project the packages that ours depends on, as links: no network in tests. */
export async function linkDependencies(project: string): Promise<void> {
  const from = join(projectFolder, 'node_modules')
  const names = (await readdir(from)).filter((name) => !name.startsWith('.') && name !== 'relayrunner')
  for (const name of names) await symlink(join(from, name), join(project, 'node_modules', name))
}
