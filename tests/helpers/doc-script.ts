/** A shell block of the docs as a script: background servers are waited for, and each line's output can be told apart. */

/** One line of a block. */
export interface DocCommand {
  readonly text: string
  /** Behind `# →`: what the command prints. */
  readonly expected: string | undefined
}

/** The commands of a block, without comments. */
export function commandsOf(block: string): readonly DocCommand[] {
  return block
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => {
      const [text = '', ...rest] = line.split(/\s+# /)
      const note = rest.join(' # ')
      return { text: text.trim(), expected: note.startsWith('→ ') ? note.slice(2).trim() : undefined }
    })
}

// The package is installed already, from its tarball, and its commands are on PATH: npx would look for it in the network first.
const preamble = `set -eu
npx() { "$@"; }
npm() { case "$1 $2" in 'install relayrunner' | 'init -y') ;; *) false ;; esac; }
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
up() { # pid, and the file's flag
  tries=0
  until relayrunner workers $2 --json 2>/dev/null | grep -q '"idle"'; do
    kill -0 "$1"
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { echo 'no worker became idle' >&2; exit 1; }
    sleep 0.1
  done
}
`

/** Lines that begin with `@@ ` part the outputs of the commands. */
export function scriptOf(commands: readonly DocCommand[]): string {
  return preamble + commands.map(({ text }) => `echo '@@ '\n${lineOf(text)}`).join('\n')
}

function lineOf(text: string): string {
  const server = /^(.*\brelayrunner (?:dev|serve)\b.*|rr (?:dev|serve)\b.*) &$/.exec(text)?.[1]
  if (server === undefined) return text
  const file = /-c \S+/.exec(server)?.[0] ?? ''
  if (/ serve\b/.test(server)) return `${server} >/dev/null &\nup $! '${file}'`
  // Tests run side by side: each server takes a free port, and commands find it all the same.
  return `${server} -o emulator.address=127.0.0.1:0 >/dev/null &\nup $! '${file}'`
}

/** Splits standard output by command. */
export function outputsOf(stdout: string): readonly string[] {
  return stdout.split(/^@@ \n/m).slice(1)
}

/** JSON on any number of lines as one without blanks; other text without those around it. */
export function compact(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return text.trim()
  }
}
