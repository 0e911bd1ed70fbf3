/** Reads who imports whom from the syntax trees of our sources. Types and dynamic imports count. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import ts from 'typescript'
import { projectFolder } from './project.js'

/** One import; paths count from the checkout, a package is its specifier. */
export interface Import {
  readonly from: string
  readonly to: string
  /** True when nothing is loaded at run time. */
  readonly isType: boolean
  /** Loaded when the line runs (`import()`, `require()`), not with the file. */
  readonly isLazy: boolean
}

/** Our own code, by path from the checkout. */
const sources: readonly string[] = ['cmd', 'config', 'src', 'testing', 'workers/node'].flatMap((folder) =>
  readdirSync(join(projectFolder, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`),
)

/** Text of each of our files. */
export const texts: ReadonlyMap<string, string> = new Map(
  sources.map((file) => [file, readFileSync(join(projectFolder, file), 'utf8')]),
)

/** All imports of our own code. */
export const imports: readonly Import[] = sources.flatMap((file) => importsOf(file, texts.get(file) ?? ''))

/** The imports of one file's text. */
export function importsOf(file: string, text: string): Import[] {
  const found: Import[] = []
  const add = (specifier: ts.Node | undefined, isType: boolean, isLazy: boolean): void => {
    if (specifier !== undefined && ts.isStringLiteralLike(specifier))
      found.push({ from: file, to: target(file, specifier.text), isType, isLazy })
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, isTypeImport(node), false)
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, isTypeExport(node), false)
    else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument))
      add(node.argument.literal, true, false)
    else if (ts.isCallExpression(node) && isLoading(node)) add(node.arguments[0], false, true)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest))
  return found
}

function isTypeImport({ importClause: clause }: ts.ImportDeclaration): boolean {
  if (clause === undefined) return false
  const bindings = clause.namedBindings
  if (clause.isTypeOnly) return true
  if (clause.name !== undefined || bindings === undefined || ts.isNamespaceImport(bindings)) return false
  return bindings.elements.length > 0 && bindings.elements.every((one) => one.isTypeOnly)
}

function isTypeExport({ isTypeOnly, exportClause: clause }: ts.ExportDeclaration): boolean {
  if (isTypeOnly) return true
  return clause !== undefined && ts.isNamedExports(clause) && clause.elements.every((one) => one.isTypeOnly)
}

/** True for `import('x')`, `require('x')` and a call of what `createRequire` returned. */
function isLoading(call: ts.CallExpression): boolean {
  if (call.expression.kind === ts.SyntaxKind.ImportKeyword) return true
  if (ts.isIdentifier(call.expression)) return call.expression.text === 'require'
  return (
    ts.isCallExpression(call.expression) &&
    ts.isIdentifier(call.expression.expression) &&
    call.expression.expression.text === 'createRequire'
  )
}

function target(file: string, specifier: string): string {
  if (!specifier.startsWith('.')) return specifier
  return normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts')
}
