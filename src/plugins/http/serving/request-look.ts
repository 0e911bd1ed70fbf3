/** A request, as far as middleware looks at it, whichever reader read it. No behaviour lives here. */

/** The parts of a request. Valid during a call only. */
export interface RequestLook {
  readonly method: string
  readonly target: string
  /** Value of a header; undefined without one. `name` in lower case. */
  header(name: string): string | undefined
}
