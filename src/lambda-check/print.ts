/** Findings as text for people, a paragraph each, and as data for programs. Pure. */
import type { FunctionFinding, FunctionSetup } from './setup.js'

/** One JSON document. */
export function asJson(findings: readonly FunctionFinding[]): string {
  const list = findings.map(({ at, rule, severity, function: name, reason, fix }) => ({
    ...at,
    severity,
    rule,
    function: name,
    reason,
    fix,
  }))
  return JSON.stringify({ findings: list })
}

/** Paragraphs, and a last line that counts. */
export function asText(findings: readonly FunctionFinding[], setups: readonly FunctionSetup[]): string {
  const names = setups.map(({ name }) => name).join(', ')
  const paragraphs = findings.map(paragraph)
  return [...paragraphs, `checked ${names}: ${count(findings)}`].join('\n\n')
}

function paragraph({ at, rule, severity, function: name, reason, fix }: FunctionFinding): string {
  const place = at === undefined ? name : `${at.file}:${at.line}:${at.column}`
  return `${place}: ${severity}: ${reason} (${rule})\n    fix: ${fix}`
}

function count(findings: readonly FunctionFinding[]): string {
  const words = (['error', 'warning', 'note'] as const).flatMap((severity) => {
    const number = findings.filter((finding) => finding.severity === severity).length
    return number === 0 ? [] : [`${number} ${severity}${number === 1 ? '' : 's'}`]
  })
  return words.length === 0 ? 'nothing found' : words.join(', ')
}
