/** FIFOs as the standard streams of one child: which of them there are, opened together or not at all. */
import { rmSync } from 'node:fs'
import { type FifoOwner, type OpenFifo, openFifo } from './fifo.js'

/** Open FIFOs of one child; a stream that has none is a socket pair, or nothing. */
export interface StandardFifos {
  readonly stderr: OpenFifo
  /** Output, where standard output is not the relay. */
  readonly stdout?: OpenFifo
  /** The relay `fifo`: standard input and output. */
  readonly relay?: { readonly stdin: OpenFifo; readonly stdout: OpenFifo }
}

/** Work of standard output and input: the relay, or output only, or neither is a FIFO. */
export type StandardUse = 'relay' | 'output' | 'none'

/** Number of FIFOs that each use needs, standard error included. */
export const fifoCounts: Readonly<Record<StandardUse, number>> = { relay: 3, output: 2, none: 1 }

/** Use of standard input and output under a value of `server.relay`. */
export function standardUseOf(relay: string): StandardUse {
  if (relay === 'auto' || relay === 'fifo') return 'relay'
  return relay === 'pipes' ? 'none' : 'output'
}

/** Opens as many FIFOs as `fifoCounts` says. When one cannot be opened, none stays open and no name is left. */
export function openStandardFifos(
  paths: readonly string[],
  use: StandardUse,
  owner?: FifoOwner,
): StandardFifos {
  const left = [...paths]
  const opened: OpenFifo[] = []
  const open = (childSide: 'reads' | 'writes') => {
    const fifo = openFifo(left.shift() ?? '', childSide, owner)
    opened.push(fifo)
    return fifo
  }
  try {
    const stderr = open('writes')
    if (use === 'none') return { stderr }
    const stdout = open('writes')
    return use === 'output' ? { stderr, stdout } : { stderr, relay: { stdout, stdin: open('reads') } }
  } catch (error) {
    for (const fifo of opened) fifo.close()
    for (const path of left) rmSync(path, { force: true })
    throw error
  }
}

/** Lists all of them. */
export function fifosOf({ stderr, stdout, relay }: StandardFifos): readonly OpenFifo[] {
  return [stderr, stdout, relay?.stdin, relay?.stdout].filter((one) => one !== undefined)
}
