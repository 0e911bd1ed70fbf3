/** Sections → validators by ajv, when they are needed: for npm plugins, and for faults. */
import type { Options, ValidateFunction } from 'ajv'
import type { Section } from '../../src/schema/section.js'
import { constraintsOf } from './constraints.js'
import type { Violation } from './faults.js'

/** Options of ajv, here and in `scripts/validators.mjs`. */
export const ajvOptions = {
  messages: false,
  strict: true,
  strictRequired: false,
  strictTypes: false,
  // Plugins write patterns as JavaScript does by default.
  unicodeRegExp: false,
} as const satisfies Options

const compiled = new WeakMap<Section, ValidateFunction>()

/** Returns all violations of a section's constraints. The validator is kept as long as the section. */
export async function violationsOf(section: Section, value: unknown): Promise<readonly Violation[]> {
  const validate = compiled.get(section) ?? (await compile(section))
  compiled.set(section, validate)
  return validate(value) ? [] : (validate.errors ?? [])
}

async function compile(section: Section): Promise<ValidateFunction> {
  const { Ajv } = await import('ajv')
  return new Ajv({ ...ajvOptions, allErrors: true }).compile(constraintsOf(section))
}
