/** `rr completion SHELL`: prints a script with which a shell completes commands and options. Made from the command line's own definition. */
import type { Command } from 'commander'
import { ExitCode, wrongUsage } from './options.js'

const programs = ['rr', 'relayrunner']

/** A command with the words that may follow it. */
interface Level {
  /** Words that lead to it: empty for `rr` itself, `lambda check`. */
  readonly path: string
  readonly commands: readonly Word[]
  /** Long names, without the dashes. */
  readonly options: readonly Word[]
}

interface Word {
  readonly name: string
  readonly description: string
}

const scripts: Readonly<Record<string, (levels: readonly Level[]) => string>> = {
  bash: bashScript,
  zsh: (levels) =>
    `#compdef ${programs.join(' ')}\nautoload -U +X bashcompinit && bashcompinit\n${bashScript(levels)}`,
  fish: fishScript,
}

/** Prints the script for `shell`; exit 2 for any other than bash, zsh and fish. */
export async function completion(shell: string, program: Command): Promise<number> {
  const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined
  if (script === undefined)
    return wrongUsage(`rr completion takes ${Object.keys(scripts).join(', ')}, not ${JSON.stringify(shell)}`)
  process.stdout.write(script(levelsOf(program, '')))
  return ExitCode.ok
}

function levelsOf(command: Command, path: string): readonly Level[] {
  const help = command.createHelp()
  const commands = help.visibleCommands(command)
  const level = {
    path,
    commands: commands.map((one) => ({ name: one.name(), description: one.description() })),
    options: help
      .visibleOptions(command)
      .flatMap(({ long, description }) =>
        long === undefined || long === null ? [] : [{ name: long.slice(2), description }],
      ),
  }
  const below = commands
    .filter((one) => one.name() !== 'help')
    .flatMap((one) => levelsOf(one, `${path} ${one.name()}`.trim()))
  return [level, ...below]
}

/** Walks along the words before the cursor as far as they are commands; falls back to file names. */
function bashScript(levels: readonly Level[]): string {
  const paths = levels.filter(({ path }) => path !== '').map(({ path }) => `' ${path}'`)
  const cases = levels.map(({ path, commands, options }) => {
    const words = [...commands.map(({ name }) => name), ...options.map(({ name }) => `--${name}`)]
    return `    '${path === '' ? '' : ` ${path}`}') words='${words.join(' ')}' ;;`
  })
  return `_rr_complete() {
  local path='' word words=''
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
      ${paths.join('|')}) path="$path $word" ;;
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _rr_complete ${programs.join(' ')}
`
}

function fishScript(levels: readonly Level[]): string {
  const lines = levels.flatMap(({ path, commands, options }) => {
    const when = `-n ${quoted(condition(path, commands))}`
    return [
      ...commands.map(({ name, description }) => `-f ${when} -a ${name} -d ${quoted(description)}`),
      ...options.map(({ name, description }) => `${when} -l ${name} -d ${quoted(description)}`),
    ]
  })
  return programs.map((program) => lines.map((line) => `complete -c ${program} ${line}\n`).join('')).join('')
}

/** True where the words of `path` were written and none of the commands that may follow. */
function condition(path: string, commands: readonly Word[]): string {
  const seen = path.split(' ').map((word) => `__fish_seen_subcommand_from ${word}`)
  const none = `not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(' ')}`
  return [...(path === '' ? [] : seen), ...(commands.length === 0 ? [] : [none])].join('; and ')
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
