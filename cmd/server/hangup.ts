/**
 * Tells whether SIGHUP was ignored when this process was started, as `nohup` arranges it. Node sets every ignored signal
 * back to its default before any JavaScript runs, so the process itself cannot tell. `rr.js` starts as a shell script that
 * looks first and hands down what it saw; for `node rr.js` it is concluded from signs of `nohup`.
 */
import { readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { isatty } from 'node:tty'

/** Set by the first lines of `rr.js` and by `docker-entrypoint`: `ignored` or `default`. */
const hangupVariable = 'RELAYRUNNER_HANGUP'

/** Observations that tell whether SIGHUP was ignored. */
export interface HangupSigns {
  /** Result of the shell that looked before Node reset the signal; undefined without a shell. */
  readonly told: string | undefined
  /** The shell's `_`, the path of the program that it started, names nohup: bash and zsh export it, and nohup hands it on. */
  readonly isNamedByShell: boolean
  /** True when our parent ignores it, as children inherit that. */
  readonly isIgnoredByParent: boolean
  /** Standard input is /dev/null and cannot be read: GNU nohup puts it in the place of a terminal. */
  readonly isInputUnreadable: boolean
  /** True when there is a controlling terminal and none of standard input, output and error is it. */
  readonly isDetached: boolean
}

/** Decides by what a shell saw, else by the signs that `nohup` leaves. Pure. */
export function isHangupIgnored(signs: HangupSigns): boolean {
  if (signs.told !== undefined) return signs.told === 'ignored'
  return signs.isNamedByShell || signs.isIgnoredByParent || signs.isInputUnreadable || signs.isDetached
}

/** Takes the word of the shell out of the environment: it says nothing about our children. */
export function takeHangupWord(): string | undefined {
  const told = process.env[hangupVariable]
  delete process.env[hangupVariable]
  return told
}

/** Looks at this process. `told` is the shell's word. */
export function readHangupSigns(told: string | undefined): HangupSigns {
  return {
    told,
    isNamedByShell: basename(process.env._ ?? '') === 'nohup',
    isIgnoredByParent: ignoresHangup(textOf(`/proc/${process.ppid}/status`)),
    isInputUnreadable:
      linkOf('/proc/self/fd/0') === '/dev/null' && isWriteOnly(textOf('/proc/self/fdinfo/0')),
    isDetached: hasTerminal(textOf('/proc/self/stat')) && ![0, 1, 2].some((fd) => isatty(fd)),
  }
}

/** True when the mask of ignored signals has bit 0, which is signal 1. */
function ignoresHangup(status: string): boolean {
  return /^SigIgn:\s*[0-9a-f]*[13579bdf]$/m.test(status)
}

/** True when the access mode, the last octal digit, is 1: O_WRONLY. */
function isWriteOnly(fdinfo: string): boolean {
  return /^flags:\s*[0-7]*1$/m.test(fdinfo)
}

/** True when the number of the controlling terminal, the fifth field behind the command's name, is not 0. */
function hasTerminal(stat: string): boolean {
  const terminal = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[4]
  return terminal !== undefined && terminal !== '0'
}

/** The text of a file; empty where it cannot be read, as without /proc: no sign is seen then. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
