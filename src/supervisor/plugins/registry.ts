/** Holds the services of one server by key and provider, and hands each plugin those that its needs name. */
import { keyText, type ServiceKey } from './keys.js'

type Defer = (undo: () => unknown) => void

/** A service of which each plugin is handed a view of its own: what the plugin does through the view is undone with it. */
export class PerPlugin<T> {
  readonly viewFor: (defer: Defer) => T

  constructor(viewFor: (defer: Defer) => T) {
    this.viewFor = viewFor
  }
}

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

  /** Returns what a need of `key` is handed: a service, undefined, or a map by provider. `defer` is of the plugin that needs it. */
  find(key: ServiceKey<unknown>, defer: Defer = () => undefined): unknown {
    const services = [...(this.#services.get(keyText(key)) ?? [])].map(
      ([provider, service]) =>
        [provider, service instanceof PerPlugin ? service.viewFor(defer) : service] as const,
    )
    if (key.takes === 'all') return new Map(services)
    return services[0]?.[1]
  }
}
