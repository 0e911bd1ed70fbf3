/**
 * The built-in plugins of `rr bootstrap` with a file that has no section of another one. Most functions have such a file, and loading the
 * plugins of queues and servers only to leave them out would take longer than planning the start.
 */
import type { AnyPlugin } from '../index.js'
import app from './app/index.js'
import lambda from './lambda/index.js'

/** In the order of `builtInPlugins`. */
export const functionPlugins: readonly AnyPlugin[] = [app, lambda]
