/** Compiles texts against the emitted declarations of the package, as the project of a plugin would, without writing anything. */
import { join } from 'node:path'
import ts from 'typescript'
import { buildFolder, projectFolder } from '../helpers/project.js'

/** One error of the compiler. */
export interface TypeFault {
  /** Counts from 1. */
  readonly line: number
  readonly code: number
  readonly message: string
}

const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
  types: ['node'],
  paths: {
    relayrunner: [join(buildFolder, 'src/index.d.ts')],
    'relayrunner/work': [join(buildFolder, 'src/work/index.d.ts')],
  },
}

/** Compiles all texts in one program, since the libraries cost more than they do. Returns the errors by the name of the text. */
export function faultsOf(texts: ReadonlyMap<string, string>): ReadonlyMap<string, readonly TypeFault[]> {
  const names = [...texts.keys()]
  const files = new Map(names.map((name, at) => [join(projectFolder, `snippet-${at}.ts`), name]))
  const program = ts.createProgram([...files.keys()], options, hostOf(files, texts))
  return new Map(
    [...files].map(([file, name]) => {
      const source = program.getSourceFile(file)
      const found = source === undefined ? [] : ts.getPreEmitDiagnostics(program, source)
      return [name, found.map(faultOf)]
    }),
  )
}

function hostOf(files: ReadonlyMap<string, string>, texts: ReadonlyMap<string, string>): ts.CompilerHost {
  const host = ts.createCompilerHost(options)
  const textOf = (file: string) => texts.get(files.get(file) ?? '')
  return {
    ...host,
    getCurrentDirectory: () => projectFolder,
    fileExists: (file) => textOf(file) !== undefined || host.fileExists(file),
    readFile: (file) => textOf(file) ?? host.readFile(file),
    getSourceFile: (file, target, onError) => {
      const text = textOf(file)
      return text === undefined
        ? host.getSourceFile(file, target, onError)
        : ts.createSourceFile(file, text, target)
    },
  }
}

function faultOf({ file, start = 0, code, messageText }: ts.Diagnostic): TypeFault {
  const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start).line + 1
  return { line, code, message: ts.flattenDiagnosticMessageText(messageText, '\n') }
}
