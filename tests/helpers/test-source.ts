/** Reads what a test file says of its tests, without running it: titles, and whether a body checks anything. */
import ts from 'typescript'

/** One `test(…)` of a file. */
export interface TestSource {
  /** Matches the title; a value within a template may be any text. */
  readonly title: RegExp
  /** The body has statements, and an assertion or an awaited call among them. */
  readonly hasProof: boolean
  /** Set by `skip` or `todo`, unless it depends on the machine. */
  readonly isSkipped: boolean
}

/** All tests of the text, also those within loops and other tests. */
export function testsOf(text: string): TestSource[] {
  const file = ts.createSourceFile('x.test.ts', text, ts.ScriptTarget.Latest, true)
  return [...descendants(file)].filter(ts.isCallExpression).flatMap((call) => {
    const [name, ...modifiers] = namesOf(call.expression)
    const title = call.arguments[0] === undefined ? undefined : patternOf(call.arguments[0])
    if (name !== 'test' || title === undefined) return []
    const body = call.arguments.find((one) => ts.isArrowFunction(one) || ts.isFunctionExpression(one))?.body
    const isSkipped = modifiers.length > 0 || call.arguments.some(skips)
    return [{ title, hasProof: body !== undefined && [...descendants(body)].some(isProof), isSkipped }]
  })
}

function* descendants(node: ts.Node): Generator<ts.Node> {
  for (const child of node.getChildren()) {
    yield child
    yield* descendants(child)
  }
}

/** `test.skip` as test, skip; `t.test` as test. */
function namesOf(expression: ts.Expression): string[] {
  if (ts.isIdentifier(expression)) return [expression.text]
  if (!ts.isPropertyAccessExpression(expression)) return []
  const names = [...namesOf(expression.expression), expression.name.text]
  return names.at(-1) === 'test' ? ['test'] : names
}

function patternOf(title: ts.Expression): RegExp | undefined {
  if (ts.isStringLiteralLike(title)) return new RegExp(`^${escaped(title.text)}$`)
  if (!ts.isTemplateExpression(title)) return undefined
  const rest = title.templateSpans.map(({ literal }) => `.*${escaped(literal.text)}`)
  return new RegExp(`^${escaped(title.head.text)}${rest.join('')}$`)
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function skips(argument: ts.Expression): boolean {
  if (!ts.isObjectLiteralExpression(argument)) return false
  return argument.properties.some((property) => {
    if (!ts.isPropertyAssignment(property) || !/^(skip|todo)$/.test(property.name.getText())) return false
    return property.initializer.kind === ts.SyntaxKind.TrueKeyword || ts.isStringLiteral(property.initializer)
  })
}

function isProof(node: ts.Node): boolean {
  if (ts.isAwaitExpression(node)) return ts.isCallExpression(node.expression)
  return ts.isCallExpression(node) && namesOf(node.expression)[0] === 'assert'
}
