/** Empty projects with the packed package in them: what a newcomer has after `npm install`. */
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { install, linkDependencies, packSelf } from './pack.js'

const folders: string[] = []
// Of the file that imports this, not of the test that packs first.
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))))

let tarball: Promise<string> | undefined

/** The tarball of this build, packed once for all tests of a file. */
export function tarballOnce(): Promise<string> {
  tarball ??= (async () => {
    const packs = await mkdtemp(join(tmpdir(), 'rr-pack-'))
    folders.push(packs)
    return packSelf(packs)
  })()
  return tarball
}

/** Installs the packed package with its dependencies and programs, without the network. */
export async function installPacked(folder: string): Promise<void> {
  await install(folder, 'relayrunner', await tarballOnce())
  await linkDependencies(folder)
  await mkdir(join(folder, 'node_modules/.bin'))
  for (const name of ['rr', 'relayrunner'])
    await symlink('../relayrunner/dist/cmd/rr.js', join(folder, 'node_modules/.bin', name))
}

/** A folder with a program `npm` that installs by `tar` and links, and writes its words down in `npm-words`. */
export async function stubNpm(folder: string, dependencies: string): Promise<string> {
  const bin = join(folder, 'stub-bin')
  await mkdir(bin)
  const script = `#!/bin/sh
set -e
printf '%s\\n' "$*" > '${join(folder, 'npm-words')}'
for spec in "$@"; do :; done
mkdir -p node_modules/relayrunner
tar -xzf "$spec" -C node_modules/relayrunner --strip-components=1
for one in '${dependencies}'/*; do
  test -e "node_modules/$(basename "$one")" || ln -s "$one" "node_modules/$(basename "$one")"
done
`
  await writeFile(join(bin, 'npm'), script)
  await chmod(join(bin, 'npm'), 0o755)
  return bin
}
