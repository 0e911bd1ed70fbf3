/** The peer as a child process, over pipes. */
import { servePeer } from './peer.js'

servePeer(process.stdin, process.stdout)
