/** `rr init laravel`: the configuration of a Laravel application, beside its `artisan`. Pure. */
import type { PackagePaths } from './files.js'

/** Name → text. The queue is the server's own; the comments name the others. `schemaPath` is named for editors. */
export function laravelFiles(schemaPath: string): Readonly<Record<string, string>> {
  return {
    'rr.yaml': `# yaml-language-server: $schema=${schemaPath}
version: "3"

server:
  command: "php artisan relayrunner:work --tries=1 --timeout=60"

jobs:
  mode: raw
  consume: [default]
  pool:
    num_workers: 4
    max_jobs: 1000
    supervisor:
      max_worker_memory: 192
  pipelines:
    default:
      driver: memory             # lost with the server; or, in place of this line:
      # driver: laravel-redis    # the queue that the application already keeps in Redis
      # config: { url: "redis://127.0.0.1:6379/0", queue: default, prefix: laravel_database_ }
      # driver: laravel-database # or the one in its table jobs
      # config: { url: "mysql://app:secret@127.0.0.1:3306/app", queue: default }
`,
  }
}

/** The steps that are left, as lines of a terminal. */
export function laravelSteps({ folder }: PackagePaths): string {
  return `next: composer config repositories.relayrunner-worker path ${folder}/workers/php
      composer config repositories.relayrunner path ${folder}/workers/php/laravel
      composer require relayrunner/laravel
      php artisan relayrunner:check    tells what is missing
      npx relayrunner serve            runs the jobs that the connection \`relayrunner\` dispatches
`
}
