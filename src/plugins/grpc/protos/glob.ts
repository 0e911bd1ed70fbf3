/** Finds the files of a pattern: `*` and `?` within a name, `**` over folders, `{a,b}` one of several. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { ErrorCode, RelayError } from '../../../index.js'

const entriesMax = 100_000

/** Paths of the files that match, sorted; a path without wildcards is itself. Rejects with RR_CONFIG_INVALID when none does. */
export async function matchingFiles(pattern: string): Promise<readonly string[]> {
  if (!/[*?{[]/.test(pattern)) return [pattern]
  const parts = pattern.split('/')
  const fixed = parts.findIndex((part) => /[*?{[]/.test(part))
  const folder = parts.slice(0, fixed).join('/') || (pattern.startsWith('/') ? '/' : '.')
  const matches = globPattern(parts.slice(fixed).join('/'))
  const found: string[] = []
  let seen = 0
  const walk = async (below: string) => {
    for (const entry of await entriesOf(join(folder, below))) {
      seen += 1
      if (seen > entriesMax) throw invalid(pattern, `looks at more than ${entriesMax} files`)
      const path = below === '' ? entry.name : `${below}/${entry.name}`
      if (entry.isDirectory()) await walk(path)
      else if (matches.test(path)) found.push(join(folder, path))
    }
  }
  await walk('')
  if (found.length === 0) throw invalid(pattern, 'matches no file')
  return found.sort()
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true })
  } catch {
    // A folder that is not there, or may not be read, has no files for us; that nothing matches is told.
    return []
  }
}

/** The pattern as a regular expression. */
export function globPattern(glob: string): RegExp {
  let source = ''
  let depth = 0
  for (let at = 0; at < glob.length; at += 1) {
    const one = glob[at] ?? ''
    if (glob.startsWith('**/', at)) {
      source += '(?:.*/)?'
      at += 2
    } else if (glob.startsWith('**', at)) {
      source += '.*'
      at += 1
    } else if (one === '*') source += '[^/]*'
    else if (one === '?') source += '[^/]'
    else if (one === '{') {
      source += '(?:'
      depth += 1
    } else if (one === '}' && depth > 0) {
      source += ')'
      depth -= 1
    } else if (one === ',' && depth > 0) source += '|'
    else if (one === '[' && glob.indexOf(']', at) > at) {
      const end = glob.indexOf(']', at)
      source += `[${glob
        .slice(at + 1, end)
        .replace(/^!/, '^')
        .replace(/\\/g, '\\\\')}]`
      at = end
    } else source += one.replace(/[.+^$()|[\]\\{}]/, '\\$&')
  }
  return new RegExp(`^${source}${')'.repeat(depth)}$`)
}

function invalid(pattern: string, what: string): RelayError {
  return new RelayError(
    ErrorCode.ConfigInvalid,
    `grpc.proto: the pattern ${JSON.stringify(pattern)} ${what}`,
    {
      hint: 'Paths are relative to the working folder of the server.',
    },
  )
}
