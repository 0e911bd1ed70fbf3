/** The Laravel application of the tests, on Debian's packages or where RELAYRUNNER_LARAVEL says: its bodies, its database, its worker. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { fixture } from './project.js'

/** Why the tests of Laravel cannot run here; undefined where they can. Under CI a missing package fails them instead. */
export const noLaravel: string | undefined =
  process.env.CI === undefined &&
  !existsSync(join(process.env.RELAYRUNNER_LARAVEL ?? '/usr/share/php', 'Illuminate/autoload.php'))
    ? 'php-laravel-framework is not installed'
    : undefined

const application = fixture('laravel', '')

/** A folder's application. */
export interface LaravelApp {
  /** Command of its worker, with options of `relayrunner:work`. */
  readonly command: string
  /** Variables that its worker and its other programs need. */
  readonly env: Readonly<Record<string, string>>
  /** Bodies as Laravel's queues make them: `Class:name`. */
  bodies(...jobs: readonly string[]): readonly string[]
  /** Runs one of its commands; returns what it printed, on either stream, and its exit code. */
  artisan(...words: readonly string[]): { readonly code: number | null; readonly text: string }
  /** Starts one of its commands; it ends with the test. */
  start(t: TestContext, ...words: readonly string[]): ChildProcess
  /** Runs PHP in the booted application; returns what it printed. */
  php(code: string): string
  /** What the jobs wrote down, in order. */
  marks(): readonly string[]
  /** Rows of the table of failed jobs. */
  failed(): readonly { readonly connection: string; readonly queue: string; readonly exception: string }[]
}

/** Makes the application of `folder`; `config` is that of `config/relayrunner.php`. */
export function laravelApp(
  folder: string,
  { config = {}, env = {}, options = '' }: LaravelOptions = {},
): LaravelApp {
  const ours = { APP_BASE: join(folder, 'base'), RELAYRUNNER_CONFIG: JSON.stringify(config), ...env }
  const all = { ...process.env, ...ours }
  const run = (...words: readonly string[]) =>
    execFileSync('php', words, { encoding: 'utf8', env: all, maxBuffer: 64 << 20 })
  const php = (code: string) =>
    run('-r', `$app = require '${application}/app.php'; use Illuminate\\Support\\Facades\\DB; ${code}`)
  // Two workers that boot at once would both make the tables.
  php('')
  return {
    command: `php ${application}/artisan relayrunner:work ${options}`.trim(),
    env: ours,
    bodies: (...jobs) =>
      run(join(application, 'bodies.php'), ...jobs)
        .trimEnd()
        .split('\n'),
    artisan: (...words) => {
      const made = spawnSync('php', [join(application, 'artisan'), ...words], { encoding: 'utf8', env: all })
      return { code: made.status, text: made.stdout + made.stderr }
    },
    start: (t, ...words) => {
      const child = spawn('php', [join(application, 'artisan'), ...words], { env: all, stdio: 'ignore' })
      t.after(() => void child.kill('SIGKILL'))
      return child
    },
    php,
    marks: () => JSON.parse(php("echo json_encode(DB::table('marks')->orderBy('id')->pluck('text'));")),
    failed: () =>
      JSON.parse(
        php("echo json_encode(DB::table('failed_jobs')->get(['connection', 'queue', 'exception']));"),
      ),
  }
}

/** What a test may change. */
export interface LaravelOptions {
  readonly config?: Readonly<Record<string, unknown>>
  readonly env?: Readonly<Record<string, string>>
  readonly options?: string
}
