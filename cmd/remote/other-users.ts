/** Says whose servers a command can see, and which other users have had any: their folders are closed, their names are not. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const folders = '/tmp'
const pattern = /^rr-(\d+)$/
const shownMax = 3

/** One or two sentences for a hint. `passwd` is the text of /etc/passwd. */
export function otherUsers(uid: number, { root = folders, passwd = readPasswd() } = {}): string {
  const seen = `Only servers of this user (${nameOf(uid, passwd)}) are seen`
  const others = usersWithFolders(root).filter((other) => other !== uid)
  const [first] = others
  if (first === undefined) return `${seen}.`
  const list = others
    .slice(0, shownMax)
    .map((other) => `${join(root, `rr-${other}`)} of ${nameOf(other, passwd)}`)
  return `${seen}; there is ${list.join(', ')}: try \`sudo -u ${userWord(first, passwd)} rr …\`.`
}

/** Only folders whose owner is the user in their name are any server's. */
function usersWithFolders(root: string): readonly number[] {
  try {
    const ids = readdirSync(root).flatMap((name) => pattern.exec(name)?.[1] ?? [])
    return ids.map(Number).filter((id) => ownerOf(join(root, `rr-${id}`)) === id)
  } catch {
    // A folder that cannot be listed shows nobody.
    return []
  }
}

function ownerOf(path: string): number | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  return stat?.isDirectory() === true ? stat.uid : undefined
}

function nameOf(uid: number, passwd: string): string {
  const name = userName(uid, passwd)
  return name === undefined ? `uid ${uid}` : `${name}, uid ${uid}`
}

function userWord(uid: number, passwd: string): string {
  return userName(uid, passwd) ?? `'#${uid}'`
}

function userName(uid: number, passwd: string): string | undefined {
  const line = passwd.split('\n').find((one) => one.split(':')[2] === String(uid))
  return line?.split(':')[0] || undefined
}

function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8')
  } catch {
    // Names are a courtesy: ids tell the same.
    return ''
  }
}
