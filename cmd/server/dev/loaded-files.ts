/**
 * Decides whether a change of a file concerns the workers: what their languages load, what their commands name, and
 * what `dev.watch` does.
 */
import { basename, extname } from 'node:path'
import type { DevSettings } from '../../../src/supervisor/sections.js'

/** Endings of files that a language loads, or that frameworks read at their start. */
const endings: readonly (readonly [program: RegExp, endings: readonly string[]])[] = [
  [/^php[\d.]*$/, ['php', 'phtml', 'inc', 'twig', 'latte', 'neon', 'ini', 'yaml', 'yml', 'xml', 'lock']],
  [
    /^(node|nodejs|bun|deno|tsx|ts-node)$/,
    ['js', 'mjs', 'cjs', 'jsx', 'ts', 'mts', 'cts', 'tsx', 'json', 'node', 'wasm'],
  ],
  [/^python[\d.]*$/, ['py', 'so', 'toml', 'ini', 'cfg', 'yaml', 'yml', 'j2', 'jinja', 'jinja2']],
]

/** True for the path of a change, relative to the watched folder, that restarts the workers. */
export type ConcernsWorkers = (path: string) => boolean

/** Makes the decision for pools with these commands. With a program that is not known, every file counts. */
export function concernsWorkers(
  commands: readonly string[],
  { watch }: Pick<DevSettings, 'watch'>,
): ConcernsWorkers {
  const known = commands.map((command) =>
    command
      .split(/\s+/)
      .flatMap((word) =>
        endings.filter(([program]) => program.test(basename(word))).flatMap(([, all]) => all),
      ),
  )
  const all = known.some((found) => found.length === 0) ? undefined : new Set(known.flat())
  const watched = patternOf(watch)
  // A file that the command names, whatever it is called.
  const words = commands.flatMap((command) => command.split(/\s+/))
  return (path) => {
    if (
      all === undefined ||
      watched(path) ||
      words.some((word) => word === path || word.endsWith(`/${path}`))
    )
      return true
    const name = basename(path)
    // `.env`, a link such as `..data`, or a folder that was moved here.
    if (name.startsWith('.') || extname(name) === '') return true
    return all.has(extname(name).slice(1).toLowerCase())
  }
}

/** Makes a function that tells whether one of the patterns matches a path or a folder above it. */
export function patternOf(patterns: readonly string[]): (path: string) => boolean {
  const all = patterns.map(patternSource)
  if (all.length === 0) return () => false
  const regex = new RegExp(`^(?:${all.join('|')})(?:/|$)`)
  return (path) => regex.test(path)
}

function patternSource(pattern: string): string {
  const text = pattern.replace(/^\.?\//, '').replace(/\/+$/, '')
  const anywhere = /^\.?\//.test(pattern) || text.includes('/') ? '' : '(?:.*/)?'
  const source = text.replace(/\*\*\/?|[*?]|[.+^${}()|[\]\\]/g, (one) => {
    if (one === '**/') return '(?:.*/)?'
    if (one === '**') return '.*'
    if (one === '*') return '[^/]*'
    return one === '?' ? '[^/]' : `\\${one}`
  })
  return anywhere + source
}
