/** Checks a worker's command without starting it: its program, and the script that is passed to an interpreter. */
import { existsSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import { RelayError } from '../../src/core/errors.js'
import { threadProgram } from '../../src/supervisor/pool/boot/thread-program.js'
import { resolveProgram } from '../../src/supervisor/worker/os/program.js'

/** A command and where it would run. */
export interface CommandAbout {
  readonly words: readonly string[]
  readonly cwd: string
  /** The workers' PATH. */
  readonly path: string
  readonly isThread: boolean
}

/** A fault and what to do about it. */
export interface CommandFault {
  readonly what: string
  readonly hint?: string
}

/** Returns the fault of a command; undefined when none is found. */
export function commandFault({ words, cwd, path, isThread }: CommandAbout): CommandFault | undefined {
  if (words.includes('')) return { what: 'the command has an empty word', hint: 'is a variable unset?' }
  try {
    if (isThread) threadProgram(words, cwd)
    else resolveProgram(words[0] ?? '', cwd, path)
  } catch (error) {
    if (!(error instanceof RelayError)) throw error
    return { what: error.message, ...(error.hint === undefined ? {} : { hint: error.hint }) }
  }
  return isThread ? undefined : scriptFault(words, cwd)
}

function scriptFault(words: readonly string[], cwd: string): CommandFault | undefined {
  const [program = '', ...rest] = words
  const name = /^(php|python|node)(js)?[\d.]*$/.exec(basename(program))?.[1]
  const script = name === undefined ? undefined : scriptOf(interpreters[name], rest)
  if (name === undefined || script === undefined) return undefined
  if (script === '') {
    const what = `${program} is given no script to run`
    return {
      what,
      hint: 'is a variable unset? The command is a program and its arguments, e.g. "php worker.php"',
    }
  }
  const file = resolve(cwd, script)
  const endings = name === 'node' ? ['', '.js', '.json', '.node'] : ['']
  if (endings.some((ending) => existsSync(`${file}${ending}`))) return undefined
  return { what: `${program} would run ${file}, which does not exist` }
}

/** Options of an interpreter, needed to find the script among its arguments. */
interface Interpreter {
  /** Options that take the next argument as their value. */
  readonly withValue: ReadonlySet<string>
  /** Options that replace a script: code, a module, a mode. */
  readonly instead: RegExp
  /** The option whose value is the script. */
  readonly file?: string
}

const interpreters: Readonly<Record<string, Interpreter>> = {
  php: {
    withValue: new Set(['-d', '-c', '-z', '--define', '--php-ini', '--zend-extension']),
    instead: /^(-[arBRFESsivmhHlw]|--[a-z-]+)/,
    file: '-f',
  },
  python: { withValue: new Set(['-W', '-X']), instead: /^(-[A-Za-z]*[mcVh]|-$|--)/ },
  node: {
    withValue: new Set(['-r', '--require', '--import', '-C', '--conditions', '--env-file']),
    // An unknown option may take the next word: the script cannot be determined then.
    instead:
      /^(-[epvhic]+|-$|--(?!enable-|no-|trace-|experimental-|max-|expose-|unhandled-|stack-|inspect)[a-z-]+)$/,
  },
}

/** Returns the script; empty when there is none; undefined when it cannot be determined or an option replaces it. */
function scriptOf(interpreter: Interpreter | undefined, words: readonly string[]): string | undefined {
  if (interpreter === undefined) return undefined
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] ?? ''
    if (word === interpreter.file || word === '--') return words[at + 1] ?? ''
    if (!word.startsWith('-')) return word
    if (interpreter.withValue.has(word)) at += 1
    else if (interpreter.instead.test(word)) return undefined
  }
  return ''
}
