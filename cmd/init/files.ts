/** The files of a new project in each language: a worker that runs as it is, its configuration, a test. Pure. */

/** Languages that a project can begin with. */
export const initLanguages = ['php', 'node', 'python'] as const
export type InitLanguage = (typeof initLanguages)[number]

/** Paths of this package as they are written into a project's files. */
export interface PackagePaths {
  /** Module that Node imports: `relayrunner/worker`, or a file's URL where the package is not installed. */
  readonly nodeModule: string
  /** The package's folder, absolute or from the project's. */
  readonly folder: string
  /** The command that the test runs. */
  readonly command: string
  /** The JSON Schema of rr.yaml, from the project's folder. */
  readonly schema: string
  /** False: the project has yet to install it. */
  readonly isInstalled: boolean
}

/** The name that a new worker gets. */
export function workerFile(language: InitLanguage, paths: PackagePaths): string {
  return workers[language](paths).file
}

/** Name → text; the worker has the name `own`. */
export function initFiles(
  language: InitLanguage,
  paths: PackagePaths,
  own = workerFile(language, paths),
): Readonly<Record<string, string>> {
  const { file, text, command, env = '' } = workers[language](paths)
  return {
    'rr.yaml': config(paths.schema, command.replace(file, own), env),
    [own]: text,
    'event.json': sampleEvent(),
    'test.sh': testScript(paths),
  }
}

interface WorkerFile {
  readonly file: string
  readonly text: string
  readonly command: string
  readonly env?: string
}

function config(schema: string, command: string, env: string): string {
  return `# yaml-language-server: $schema=${schema}
version: "3"

server:
  command: "${command}"
${env}
lambda:
  pool:
    num_workers: 2

emulator:
  address: 127.0.0.1:9010
`
}

const workers: Readonly<Record<InitLanguage, (paths: PackagePaths) => WorkerFile>> = {
  node: ({ nodeModule }) => ({
    file: 'worker.mjs',
    command: 'node worker.mjs',
    text: `import { log, retry, serve } from '${nodeModule}'

// Called for each job: a record of a batch, or an event that is not a batch.
await serve(async (body, context) => {
  if (context.kind === 'event') return { ok: true } // what is returned is the event's result
  const { n } = JSON.parse(body)
  if (n > 100) throw retry('too large for today') // this record failed and will be delivered again
  log('info', 'done', { n }) // returning means: this record is done
})
`,
  }),
  php: ({ folder }) => ({
    file: 'worker.php',
    command: 'php worker.php',
    text: `<?php

require ${folder.startsWith('/') ? "'" : "__DIR__ . '/"}${folder}/workers/php/autoload.php';

use RelayRunner\\{Context, Verdict, Worker};

// Called for each job: a record of a batch, or an event that is not a batch.
Worker::serve(function (string $body, Context $context) {
    if ($context->kind() === 'event') {
        return ['ok' => true]; // what is returned is the event's result
    }
    $n = json_decode($body, true, flags: JSON_THROW_ON_ERROR)['n'];
    if ($n > 100) {
        throw Verdict::retry('too large for today'); // this record failed and will be delivered again
    }
    Worker::log('info', 'done', ['n' => $n]); // returning means: this record is done
});
`,
  }),
  python: ({ folder }) => ({
    file: 'worker.py',
    command: 'python3 worker.py',
    env: `  env: # where Python finds the package
    PYTHONPATH: ${folder}/workers/python/src
`,
    text: `import json

from relayrunner import log, retry, serve


def handle(body, context):
    """Called for each job: a record of a batch, or an event that is not a batch."""
    if context.kind == "event":
        return {"ok": True}  # what is returned is the event's result
    n = json.loads(body)["n"]
    if n > 100:
        raise retry("too large for today")  # this record failed and will be delivered again
    log("info", "done", n=n)  # returning means: this record is done


serve(handle)
`,
  }),
}

/** A batch of two records, of which the worker gives back the second. */
function sampleEvent(): string {
  const records = [1, 101].map((n, at) => ({
    messageId: `00000000-0000-4000-8000-${String(at + 1).padStart(12, '0')}`,
    receiptHandle: `receipt-${at + 1}`,
    body: JSON.stringify({ n }),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1760000000000',
      SenderId: 'AIDAEXAMPLE',
      ApproximateFirstReceiveTimestamp: '1760000000001',
    },
    messageAttributes: {},
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:orders',
    awsRegion: 'us-east-1',
  }))
  return `${JSON.stringify({ Records: records }, undefined, 2)}\n`
}

function testScript({ command }: PackagePaths): string {
  return `#!/bin/sh
# Starts the workers, sends an event and two batches, and fails unless all are answered as they should be.
set -eu
cd "$(dirname "$0")"
rr() { ${command} "$@"; }

rr dev -o emulator.address=127.0.0.1:0 &
trap 'rr stop' EXIT
until rr workers --json 2>/dev/null | grep -q '"idle"'; do
  kill -0 $! # ends the test when the server has ended
  sleep 0.2
done

test "$(rr invoke --json | tr -d ' ')" = '{"ok":true}'
test "$(rr invoke --sqs 3 --json)" = '{"batchItemFailures":[]}'
rr invoke event.json --json | grep -q '"itemIdentifier":"00000000-0000-4000-8000-000000000002"}]'
echo 'ok: the event is answered, three records are done, and the second one of event.json comes again'
`
}
