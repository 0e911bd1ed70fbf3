/** The extensions of one environment: names, events and waiting calls. No I/O: a waiting call is a callback. */
import { randomUUID } from 'node:crypto'
import { afterExtensionCall, type ExtensionCall, type ExtensionState, isAtRest } from './extension-state.js'
import type { ApiStatus } from './invocation.js'

/** An event for an extension. */
export type ExtensionEvent =
  | {
      readonly eventType: 'INVOKE'
      readonly deadlineMs: number
      readonly requestId: string
      readonly invokedFunctionArn: string
      readonly tracing: { readonly type: string; readonly value: string }
    }
  | { readonly eventType: 'SHUTDOWN'; readonly deadlineMs: number; readonly shutdownReason: ShutdownReason }

/** Reason of an environment's end. */
export type ShutdownReason = 'SPINDOWN' | 'TIMEOUT' | 'FAILURE'

/** Answers a waiting call with its event. */
export type Tell = (event: ExtensionEvent, eventId: string) => void

/** Options of the registry. */
export interface ExtensionsOptions {
  /** False once the runtime has asked for its first event. */
  readonly isOpen: () => boolean
  /** Names of the executables that start beside the runtime; all other extensions are internal. */
  readonly externals?: readonly string[]
  /** Called when an extension begins to wait. */
  readonly onChange?: () => void
  /** Called when an extension reported a fault. */
  readonly onFault?: (type: 'Extension.InitError' | 'Extension.ExitError', message: string) => void
}

interface Extension {
  readonly name: string
  readonly isExternal: boolean
  readonly events: ReadonlySet<string>
  state: ExtensionState
  tell: Tell | undefined
}

/** Maximum number of extensions of one environment. */
const extensionsMax = 10
const eventTypes = new Set(['INVOKE', 'SHUTDOWN'])

/** Registry of the extensions. */
export class Extensions {
  readonly #options: ExtensionsOptions
  readonly #all = new Map<string, Extension>()

  constructor(options: ExtensionsOptions) {
    this.#options = options
  }

  /** Kind of the registered extensions, which decides how long the end of an environment may take. */
  get kind(): 'none' | 'internal' | 'external' {
    if (this.#all.size === 0) return 'none'
    return [...this.#all.values()].some(({ isExternal }) => isExternal) ? 'external' : 'internal'
  }

  /** True when every registered extension, and every executable, has asked for its next event. */
  get areAtRest(): boolean {
    const all = [...this.#all.values()]
    const isThere = (name: string) => all.some((one) => one.name === name)
    return all.every(({ state }) => isAtRest(state)) && (this.#options.externals ?? []).every(isThere)
  }

  /** Registers an extension; returns its identifier, or the status of a refusal. */
  register(name: string | undefined, body: string): { readonly identifier: string } | ApiStatus {
    const events = readEvents(body)
    if (events === undefined)
      return refusal('Extension.InvalidRequestFormat', 'the body is not {"events":[…]}')
    if (name === undefined) return refusal('Extension.InvalidExtensionName', 'the name is missing')
    const isExternal = this.#options.externals?.includes(name) === true
    const status = this.#mayRegister(name, events, isExternal)
    if (status !== undefined) return status
    const identifier = randomUUID()
    this.#all.set(identifier, {
      name,
      isExternal,
      events: new Set(events),
      state: 'registered',
      tell: undefined,
    })
    return { identifier }
  }

  /** Waits for an event. Call the returned function when the connection was lost. */
  next(identifier: string | undefined, tell: Tell): ApiStatus | (() => void) {
    const extension = this.#step(identifier, 'next')
    if ('status' in extension) return extension
    extension.tell = tell
    this.#options.onChange?.()
    return () => {
      if (extension.tell !== tell) return
      extension.tell = undefined
      if (extension.state === 'waiting') extension.state = 'lost'
    }
  }

  /** Handles the fault that an extension reports. */
  fail(
    identifier: string | undefined,
    fault: { call: 'init-error' | 'exit-error'; type: string | undefined },
  ): ApiStatus {
    if (this.#find(identifier) !== undefined && fault.type === undefined)
      return refusal('Extension.MissingHeader', 'Lambda-Extension-Function-Error-Type is missing')
    const extension = this.#step(identifier, fault.call)
    if ('status' in extension) return extension
    const type = fault.call === 'init-error' ? 'Extension.InitError' : 'Extension.ExitError'
    this.#options.onFault?.(type, `extension ${extension.name}: ${fault.type}`)
    return { status: 202 }
  }

  /** Delivers an event to the extensions that registered for its kind; they run until they ask again. */
  deliver(event: ExtensionEvent): void {
    for (const extension of this.#all.values()) {
      const { tell } = extension
      if (!extension.events.has(event.eventType) || extension.state !== 'waiting' || tell === undefined)
        continue
      extension.state = 'running'
      extension.tell = undefined
      tell(event, randomUUID())
    }
  }

  /** Forgets all extensions, because another environment begins. */
  reset(): void {
    this.#all.clear()
  }

  #mayRegister(name: string, events: readonly string[], isExternal: boolean): ApiStatus | undefined {
    if (!this.#options.isOpen())
      return refusal('Extension.RegistrationClosed', 'the runtime has asked for its first event already')
    if ([...this.#all.values()].some((one) => one.name === name))
      return refusal('Extension.InvalidExtensionName', `${name} is registered already`)
    if (this.#all.size >= extensionsMax)
      return refusal('Extension.TooManyExtensions', `${extensionsMax} are registered already`)
    const unknown = events.find((one) => !eventTypes.has(one))
    if (unknown !== undefined) return refusal('Extension.InvalidEventType', `unknown event type ${unknown}`)
    if (isExternal || !events.includes('SHUTDOWN')) return undefined
    return refusal(
      'ShutdownEventNotSupportedForInternalExtension',
      'it gets SIGTERM with the runtime instead',
    )
  }

  #find(identifier: string | undefined): Extension | undefined {
    return identifier === undefined ? undefined : this.#all.get(identifier)
  }

  #step(identifier: string | undefined, call: ExtensionCall): Extension | ApiStatus {
    if (identifier === undefined)
      return refusal('Extension.MissingExtensionIdentifier', 'Lambda-Extension-Identifier is missing')
    const extension = this.#find(identifier)
    if (extension === undefined)
      return refusal('Extension.UnknownExtensionIdentifier', `${identifier} is not registered`)
    const state = afterExtensionCall(extension.state, call)
    if (state === 'refused')
      return refusal('Extension.InvalidExtensionState', `${call} is not allowed in state ${extension.state}`)
    extension.state = state
    return extension
  }
}

function refusal(errorType: string, errorMessage: string): ApiStatus {
  return { status: 403, errorType, errorMessage }
}

/** An empty body asks for nothing; undefined: it is not of the shape. */
function readEvents(body: string): readonly string[] | undefined {
  if (body.trim() === '') return []
  try {
    const given: unknown = JSON.parse(body)
    if (typeof given !== 'object' || given === null) return undefined
    const events = 'events' in given ? given.events : []
    return Array.isArray(events) ? events.map(String) : undefined
  } catch {
    return undefined
  }
}
