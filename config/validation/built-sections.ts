/**
 * Validators of the built-in sections. Empty in the sources: `npm run build` replaces the compiled file by what ajv generates
 * from the sections (`scripts/validators.mjs`). A section that is missing here is compiled when it is needed.
 */

/** True for a valid value; by the hash of the section that each was generated from. */
export const builtSections: Readonly<Record<string, (value: unknown) => boolean>> = {}
