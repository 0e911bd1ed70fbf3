/**
 * The file behind a command's first word, and what the system would refuse about it, found before it is started: a
 * launcher would only say 126 or 127, and would run a file without a `#!` line as a shell script.
 */
import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readlinkSync,
  readSync,
  type Stats,
  statSync,
} from 'node:fs'
import { basename, delimiter, isAbsolute, join, resolve } from 'node:path'
import { ErrorCode, messageOf, RelayError } from '../../../core/errors.js'

/**
 * The file of a command's first word, looked up as `execvp` would. Throws RR_WORKER_COMMAND with the places that were
 * tried, for a file that is not executable, and for a script whose interpreter cannot be had.
 */
export function resolveProgram(word: string, cwd: string, path: string): string {
  if (word.includes('/')) {
    const file = isAbsolute(word) ? word : resolve(cwd, word)
    if (!isFile(file)) {
      const what = `the program ${file} is not an executable file: ${whyNoFile(file)}`
      throw new RelayError(ErrorCode.WorkerCommand, what, {
        hint: 'Check `command`; a path counts from the working directory (-w, else the folder of the config file).',
      })
    }
    if (!isExecutable(file)) throw notExecutable(file)
    checkHead(file, path)
    return file
  }
  for (const folder of path.split(delimiter)) {
    const file = join(folder === '' ? cwd : resolve(cwd, folder), word)
    if (!isFile(file) || !isExecutable(file)) continue
    checkHead(file, path)
    return file
  }
  throw new RelayError(ErrorCode.WorkerCommand, `the program "${word}" is not on PATH (${shortPath(path)})`, {
    hint: isFile(resolve(cwd, word))
      ? `There is a file ${word} in ${cwd}: write ./${word}, or put its interpreter before it.`
      : `Install ${word}, or write its full path in \`command\`.`,
  })
}

const foldersShownMax = 3

/** PATH for a message: the folders that are looked through first, and how many more there are. */
function shortPath(path: string): string {
  const folders = path.split(delimiter)
  const more = folders.length - foldersShownMax
  return more <= 1 ? path : `${folders.slice(0, foldersShownMax).join(delimiter)} and ${more} more folders`
}

/** Finds the part of a path that breaks it: a folder that is missing or closed, a link without a target. */
function whyNoFile(file: string): string {
  const parts = file.split('/')
  for (let count = 2; count <= parts.length; count += 1) {
    const part = parts.slice(0, count).join('/')
    const isLast = count === parts.length
    const link = lstatSync(part, { throwIfNoEntry: false })
    if (link === undefined) return `there is no ${part}`
    let target: Stats | undefined
    try {
      target = statSync(part, { throwIfNoEntry: false })
      if (!isLast && target?.isDirectory() === true) accessSync(part, constants.X_OK)
    } catch (error) {
      return messageOf(error)
    }
    if (target === undefined) return `${part} is a link to ${readlinkSync(part)}, which is not there`
    if (!isLast && !target.isDirectory()) return `${part} is not a folder`
    if (isLast && target.isDirectory()) return 'it is a folder'
  }
  return 'it is not a regular file'
}

function isFile(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false })?.isFile() === true
  } catch {
    // A folder that may not be entered, a loop of links, a name that is too long: go on searching, as execvp does.
    return false
  }
}

/** True when the file is there and we may run it. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    // Missing or not executable: it cannot be run either way.
    return false
  }
}

const headBytes = 256

/** The first bytes; empty where the file may be run and not read. */
function headOf(file: string): Buffer {
  const buffer = Buffer.alloc(headBytes)
  try {
    const fd = openSync(file, 'r')
    try {
      return buffer.subarray(0, readSync(fd, buffer, 0, headBytes, 0))
    } finally {
      closeSync(fd)
    }
  } catch {
    return buffer.subarray(0, 0)
  }
}

function notExecutable(file: string): RelayError {
  const hasLine = headOf(file).toString('latin1').startsWith('#!')
  return new RelayError(ErrorCode.WorkerCommand, `the program ${file} is not executable`, {
    hint: hasLine
      ? `It has a #! line: run chmod +x ${file}, or put its interpreter before it in \`command\`.`
      : 'Put its interpreter before it in `command`, e.g. "php worker.php".',
  })
}

/**
 * Checks a text file: its first line must name an interpreter, and that must exist. Binaries are left to the system.
 */
function checkHead(file: string, path: string): void {
  const head = headOf(file)
  const line = head.toString('latin1').split('\n')[0] ?? ''
  if (!line.startsWith('#!')) {
    if (head.length === 0 || head.includes(0)) return
    throw new RelayError(ErrorCode.WorkerCommand, `the program ${file} is a text without a #! line`, {
      hint: 'Put its interpreter before it in `command`, or begin it with a line such as #!/usr/bin/env php.',
    })
  }
  const interpreter = line.slice(2).trimStart().split(/[ \t]/)[0] ?? ''
  if (isAbsolute(interpreter) && isFile(interpreter) && isExecutable(interpreter)) {
    checkEnvLine(file, line, path)
    return
  }
  const shown = JSON.stringify(interpreter)
  throw new RelayError(
    ErrorCode.WorkerCommand,
    `the #! line of ${file} names ${shown}, which cannot be run`,
    {
      hint: line.endsWith('\r')
        ? 'The file has Windows line ends, which become part of the name: save it with Unix ones.'
        : 'Install it, or put another interpreter before the file in `command`.',
    },
  )
}

/** Checks that PATH has the program of a line such as `#!/usr/bin/env php`. */
function checkEnvLine(file: string, line: string, path: string): void {
  const [interpreter = '', word = ''] = line
    .slice(2)
    .trimStart()
    .split(/[ \t]+/)
  if (basename(interpreter) !== 'env' || word === '' || word.startsWith('-') || /[=/]/.test(word)) return
  const isThere = path.split(delimiter).some((folder) => {
    const candidate = join(folder === '' ? '.' : folder, word)
    return !isAbsolute(candidate) || (isFile(candidate) && isExecutable(candidate))
  })
  if (isThere) return
  const what = `the #! line of ${file} asks env for ${JSON.stringify(word)}, which is not on PATH (${shortPath(path)})`
  throw new RelayError(ErrorCode.WorkerCommand, what, {
    hint: line.endsWith('\r')
      ? 'The file has Windows line ends, which become part of the name: save it with Unix ones.'
      : `Install ${word}, or put another interpreter before the file in \`command\`.`,
  })
}
