/**
 * Shapes of answers: checks that a value from another process is what its type says. Keys that a shape does not name are kept, since
 * the other process may be of a later version.
 */
import { isObject } from '../../core/json.js'

/** Checks of answers: `shape.record({ name: shape.text, sizes: shape.list(shape.number) })` is a function that returns what it checked. */
export const shape = { text, number, boolean, list, record, map, orNull, orAbsent } as const

/** Returns the value with its type; throws with the place of what is wrong. */
export type Shape<T> = (value: unknown, at?: string) => T

/** The type of a shape. */
export type ShapeOf<S> = S extends Shape<infer T> ? T : never

/** A text. */
export function text(value: unknown, at?: string): string {
  return typeof value === 'string' ? value : wrong(at, 'a text')
}

/** A number. */
export function number(value: unknown, at?: string): number {
  return typeof value === 'number' ? value : wrong(at, 'a number')
}

/** True or false. */
export function boolean(value: unknown, at?: string): boolean {
  return typeof value === 'boolean' ? value : wrong(at, 'true or false')
}

/** A list of values of one shape. */
export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return (value, at = 'the answer') =>
    Array.isArray(value) ? value.map((one, index) => item(one, `${at}[${index}]`)) : wrong(at, 'a list')
}

/** An object with these fields, and perhaps others. */
export function record<F extends Readonly<Record<string, Shape<unknown>>>>(
  fields: F,
): Shape<{ readonly [K in keyof F]: ShapeOf<F[K]> }> {
  return (value, at = 'the answer') => {
    if (!isObject(value)) return wrong(at, 'an object')
    for (const [key, shape] of Object.entries(fields)) shape(value[key], `${at}.${key}`)
    // Each field was checked on the line above.
    return value as { readonly [K in keyof F]: ShapeOf<F[K]> }
  }
}

/** An object with any keys and values of one shape. */
export function map<T>(item: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, at = 'the answer') => {
    if (!isObject(value)) return wrong(at, 'an object')
    for (const [key, one] of Object.entries(value)) item(one, `${at}.${key}`)
    // Each value was checked on the line above.
    return value as Readonly<Record<string, T>>
  }
}

/** A value of a shape, or null. */
export function orNull<T>(shape: Shape<T>): Shape<T | null> {
  return (value, at) => (value === null ? null : shape(value, at))
}

/** A value of a shape, or nothing. */
export function orAbsent<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, at) => (value === undefined ? undefined : shape(value, at))
}

function wrong(at: string | undefined, expected: string): never {
  throw new Error(`${at ?? 'the answer'} is not ${expected}`)
}
