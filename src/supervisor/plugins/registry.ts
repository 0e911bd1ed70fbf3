/** Holds the services of one server by key and provider, and hands each plugin those that its needs name. */
import { keyText, type ServiceKey } from './keys.js'

/** Services by the text of their key, then by the name of their provider. */
export class ServiceRegistry {
  readonly #services = new Map<string, Map<string, unknown>>()

  /** Adds what `provider` provides. */
  add(key: ServiceKey<unknown>, provider: string, service: unknown): void {
    const text = keyText(key)
    const providers = this.#services.get(text)
    if (providers === undefined) this.#services.set(text, new Map([[provider, service]]))
    else providers.set(provider, service)
  }

  /** Texts of all keys that have a provider. */
  keys(): ReadonlySet<string> {
    return new Set(this.#services.keys())
  }

  /** Returns what a need of `key` is handed: a service, undefined, or a map by provider. */
  find(key: ServiceKey<unknown>): unknown {
    const providers = this.#services.get(keyText(key))
    if (key.takes === 'all') return new Map(providers)
    const [first] = providers?.values() ?? []
    return first
  }
}
