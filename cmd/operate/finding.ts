/** Findings of `rr doctor`, one at a time: pure data. */

/** Grades of a finding: `fault`: a start or the work fails; `warn`: it will hurt; `note`: worth knowing; `ok`: as it should be. */
export const Grade = { ok: 'ok', note: 'note', warn: 'warn', fault: 'fault' } as const
export type Grade = (typeof Grade)[keyof typeof Grade]

/** One finding. */
export interface Diagnosis {
  readonly grade: Grade
  /** Subject: `node`, `php`, `limits`, `rr.yaml` … */
  readonly about: string
  readonly what: string
  /** Advice. */
  readonly todo?: string
}

/** Makes a finding that needs nothing done. */
export function fine(about: string, what: string): Diagnosis {
  return { grade: Grade.ok, about, what }
}

/** Makes a finding that holds where `isBad`, and else says the same without advice. */
export function judged(
  finding: Omit<Diagnosis, 'grade' | 'todo'> & { readonly todo: string },
  isBad: boolean,
  grade: Grade = Grade.warn,
): Diagnosis {
  const { about, what, todo } = finding
  return isBad ? { grade, about, what, todo } : fine(about, what)
}
