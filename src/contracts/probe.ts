/**
 * Contract of health checks: a plugin provides `Probe` to be asked about itself alone, and a plugin that answers checks (RoadRunner's
 * `/health?plugin=NAME` and `/ready?plugin=NAME`) needs `all(Probe)`: a map by the plugin's name.
 */
import { serviceKey } from '../supervisor/plugins/keys.js'

/** State of one plugin. An answer that throws, or takes longer than its caller allows, is false. */
export interface Probe {
  /** False when it will not recover by itself, so that a restart of the server is the cure. A lost connection that is retried is not. */
  health(): boolean | Promise<boolean>
  /** False while it cannot take work, such as with no worker alive. For the server as a whole the plugin's own `ready` is asked. */
  ready(): boolean | Promise<boolean>
}

/** Key of the probes. */
export const Probe = serviceKey<Probe>('probe')
