/** The peer as a child process, over its standard input and output. */
import { createWriteStream } from 'node:fs'
import { servePeer } from './peer.js'

// Not `process.stdout`: it never closes its descriptor, and a named pipe ends by nothing else.
servePeer(process.stdin, createWriteStream('', { fd: 1 }))
