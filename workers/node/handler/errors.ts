/** Errors that AWS's own client makes, with its names. */

/** An error of the runtime's own: `name` is what Lambda knows as its type. */
export class RuntimeFault extends Error {
  override readonly name: string

  constructor(kind: RuntimeFaultKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = `Runtime.${kind}`
  }
}

/** Type of a fault, with AWS's names. */
export type RuntimeFaultKind =
  | 'ImportModuleError'
  | 'HandlerNotFound'
  | 'MalformedHandlerName'
  | 'UserCodeSyntaxError'
  | 'MalformedStreamingHandler'
  | 'InvalidStreamingOperation'
  | 'NodeJsExit'
  | 'UnhandledPromiseRejection'

/** Makes the error for a promise that is pending when nothing is left that could settle it. */
export function nodeJsExit(): RuntimeFault {
  const text = 'the handler returned a promise that can never settle: no timer, socket or other work is left'
  const fault = new RuntimeFault('NodeJsExit', text)
  // No code threw it: our own stack says nothing about the handler.
  fault.stack = `${fault.name}: ${text}`
  return fault
}

/** Makes the error for a generator function as handler, whose result would run only when iterated. */
export function generatorFault(): TypeError {
  const fault = new TypeError(
    'the handler is a generator function, which was not run: make it an async function',
  )
  fault.stack = `${fault.name}: ${fault.message}`
  return fault
}
