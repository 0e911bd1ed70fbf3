/** Loads what watches for leaks, where the server asks for it: few workers need it. */
import type { Leaks } from './leaks.js'
import { log } from './serving.js'

/** Begins to watch under `rr dev --leaks`; resolves with undefined otherwise. */
export async function watchLeaks(): Promise<Leaks | undefined> {
  const { RELAYRUNNER_LEAKS: asked = '0' } = process.env
  return asked === '' || asked === '0' ? undefined : new (await import('./leaks.js')).Leaks(log)
}
