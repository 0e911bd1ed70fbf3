/** A real terminal: a program in tmux, with keys sent to it and its screen read. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { eventually } from './wait.js'

/** A program in a terminal. */
export interface TerminalScreen {
  /** Types keys by tmux's names, e.g. `Escape`, or texts. */
  keys(...keys: readonly string[]): void
  /** What is on the screen. */
  text(): string
  /** Resolves with the screen once it matches; rejects with what is there instead. */
  shows(what: RegExp): Promise<string>
  resize(columns: number, rows: number): void
}

/** False, or why tests in a terminal are skipped. */
export const noTmux = spawnSync('tmux', ['-V'], { stdio: 'ignore' }).status === 0 ? false : 'there is no tmux'

/** Starts a shell of 80 × 24 in `folder`. */
export async function startTerminal(t: TestContext, folder: string): Promise<TerminalScreen> {
  const own = await mkdtemp(join(tmpdir(), 'rr-tmux-'))
  const socket = join(own, 'socket')
  const tmux = (...words: readonly string[]) =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...words], {
      encoding: 'utf8',
      env: { ...process.env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8', NO_COLOR: '1' },
    })
  tmux('new-session', '-d', '-x', '80', '-y', '24', '-c', folder, 'PS1="ready> " sh')
  t.after(async () => {
    tmux('kill-server')
    await rm(own, { recursive: true, force: true })
  })
  const text = () => tmux('capture-pane', '-p')
  return {
    keys: (...keys) => void tmux('send-keys', ...keys),
    text,
    resize: (columns, rows) => void tmux('resize-window', '-x', `${columns}`, '-y', `${rows}`),
    shows: async (what) => {
      try {
        await eventually(() => what.test(text()))
      } catch (error) {
        throw new Error(`the screen does not show ${what}:\n${text()}`, { cause: error })
      }
      return text()
    },
  }
}
