/** A promise whose settling functions lie beside it, for what begins in one place and ends in another. */
import { assert } from './assert.js'

/** A promise and the functions that settle it; the first call counts. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (reason: unknown) => void
}

/** Makes a pending promise. Node has `Promise.withResolvers` from 22 on only. */
export function deferred<T = void>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined
  const promise = new Promise<T>((resolve, reject) => {
    settle = { resolve, reject }
  })
  assert(settle !== undefined, 'a promise runs its executor at once')
  return { promise, ...settle }
}
