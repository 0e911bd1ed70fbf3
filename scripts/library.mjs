/** Copies what the exports of the package reach from the build: modules and declarations, without source maps. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** Entries whose modules are shipped as they were compiled. */
const modules = ['src/index.js', 'src/work/index.js', 'testing/job-driver/worker.js']
/** Entries whose code is in a bundle: only their declarations are shipped, beside those of `modules`. */
const declarations = ['testing/index.js', 'workers/node/index.js']

/** Writes the modules and declarations below `dist`, from `build`. What a worker of ours imports is in a bundle of its own. */
export function writeLibrary({ build, dist }) {
  const isBundled = (file) => file.startsWith('workers/node/')
  const code = reached(build, modules).filter((file) => !isBundled(file))
  const types = reached(build, [...modules, ...declarations].map(typesOf))
  for (const file of [...code, ...types]) {
    mkdirSync(dirname(join(dist, file)), { recursive: true })
    const text = readFileSync(join(build, file), 'utf8')
    writeFileSync(join(dist, file), text.replace(/\n\/\/# sourceMappingURL=.*\n?$/, '\n'))
  }
}

/**
 * Writes the entry of `relayrunner/testing`. It starts whole servers: its code is that of the command line, in the same bundle, and not a
 * second copy of all that a server is made of.
 */
export async function writeTesting({ build, dist }) {
  const names = Object.keys(await import(`${build}/testing/index.js`))
  const text = `import testing from '../cmd/cli/testing.js'\nexport const { ${names.join(', ')} } = testing\n`
  writeFileSync(join(dist, 'testing/index.js'), text)
}

/** The files that these import, and those that they import, themselves included. */
function reached(build, entries) {
  const found = new Set(entries)
  // A set is also iterated over what is added on the way.
  for (const file of found) {
    const text = readFileSync(join(build, file), 'utf8')
    for (const [, path] of text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.[^'"]+)['"]/g)) {
      const target = join(dirname(file), file.endsWith('.d.ts') ? typesOf(path) : path)
      if (existsSync(join(build, target))) found.add(target)
    }
  }
  return [...found]
}

function typesOf(file) {
  return file.replace(/\.js$/, '.d.ts')
}
