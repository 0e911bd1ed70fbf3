/** Checks for what only a bug of ours can break. Input from children, users and networks is checked elsewhere. */

/** Throws when `claim` is false; `message` says which invariant broke. */
export function assert(claim: boolean, message: string): asserts claim {
  if (!claim) throw new Error(`bug in relayrunner: ${message}`)
}

/** Closes a switch: a new member of the union stops compiling here. */
export function unreachable(value: never): never {
  throw new Error(`bug in relayrunner: unexpected value ${JSON.stringify(value)}`)
}
