/** The code blocks of the docs, and what the comment above each says is done with it. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { projectFolder } from './project.js'

/** One fenced block. */
export interface DocBlock {
  /** `README.md:12`: the page, and the line of the fence. */
  readonly at: string
  readonly language: string
  readonly text: string
  /** `<!-- run: NAME -->` or `<!-- run: NAME after OTHER -->`: blocks of one name make one project. */
  readonly run: { readonly name: string; readonly after: string | undefined } | undefined
  /** `<!-- not run: WHY -->`. */
  readonly notRun: string | undefined
}

const fence = /^```([a-z]*)\n([\s\S]*?)^```$/gm
const comment = /<!-- (?:run: ([\w-]+)(?: after ([\w-]+))?|not run: (.+)) -->\n$/

/** Every block of README, docs and the READMEs of the examples, in the order of reading. */
export function docBlocks(): readonly DocBlock[] {
  const docs = readdirSync(join(projectFolder, 'docs')).map((name) => `docs/${name}`)
  const examples = readdirSync(join(projectFolder, 'examples'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('README.md') && !name.includes('node_modules'))
    .map((name) => `examples/${name}`)
  const pages = ['README.md', ...docs.filter((name) => name.endsWith('.md')).sort(), ...examples.sort()]
  return pages.flatMap(blocksOf)
}

function blocksOf(page: string): readonly DocBlock[] {
  const whole = readFileSync(join(projectFolder, page), 'utf8')
  return [...whole.matchAll(fence)].map((match) => {
    const before = whole.slice(0, match.index)
    const [, name, after, notRun] = comment.exec(before) ?? []
    return {
      at: `${page}:${before.split('\n').length}`,
      language: match[1] ?? '',
      text: match[2] ?? '',
      run: name === undefined ? undefined : { name, after },
      notRun,
    }
  })
}

/** The file that a block is, by the comment in its first line (in PHP's behind the tag): `# rr.yaml`, `// worker.mjs`. */
export function fileNameOf({ text }: DocBlock): string | undefined {
  return /^(?:<\?php )?(?:#|\/\/) ([\w./-]+\.\w+)\n/.exec(text)?.[1]
}
