#!/bin/sh
// 2>/dev/null; h=default; while read -r k v; do case $k$v in SigIgn:*[13579bdf]) h=ignored; esac; done 2>/dev/null </proc/$$/status
// 2>/dev/null; RELAYRUNNER_HANGUP=$h exec node -- "$0" "$@"
/**
 * The command line: parses words, loads the one command that was asked for, sets the exit code. What a command does is in
 * the file of its name.
 *
 * The lines above are for a shell, which checks whether SIGHUP is ignored and then becomes Node (see `hangup.ts`); to Node
 * they are comments, so `node rr.js` works as well.
 */
import { basename } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { roadRunnerVersion } from '../src/supervisor/version.js'
import { sayWhichConfig } from './config-choice.js'
import { examplesText } from './examples.js'
import { withCheckFlags } from './lambda/check-flags.js'
import { withDoctorFlags, withLogsFlags } from './operate/flags.js'
import { type CommonOptions, ExitCode, sayFault, usageText } from './options.js'
import { listenForEnd } from './server/signals.js'
import { unknownHelp } from './suggestions.js'
import { version } from './version.js'
import { checkFolder } from './working-folder.js'

// The package has one program under two names. Scripts written for RoadRunner's `rr` read the third word of its version.
const isOwnName = basename(process.argv[1] ?? '').startsWith('relayrunner')
const versionText = isOwnName
  ? `relayrunner ${version}`
  : `rr version ${roadRunnerVersion} (relayrunner ${version})`

type Run = (...words: never[]) => Promise<number>

function collect(value: string, earlier: readonly string[]): readonly string[] {
  return [...earlier, value]
}

/** Adds the common options, which may stand before or after the command: `rr -c F serve` is `rr serve -c F`. */
function withConfig(command: Command, { hasForce = true } = {}): Command {
  if (hasForce) command.addOption(new Option('-f, --force', 'stop: do not wait for running jobs').hideHelp())
  return (
    command
      .option('-c, --config <file>', 'configuration file (else $RR_CONFIG, ./rr.yaml, ./.rr.yaml)')
      .option('-w, --workdir <dir>', 'working directory of the server and its workers')
      .addOption(
        new Option('-o, --override <key=value>', 'override a key, e.g. -o lambda.pool.num_workers=2')
          .argParser(collect)
          .default([], 'none'),
      )
      .option('--dotenv <file>', 'read environment variables from a file first')
      .option('-s, --silent', 'print no messages but errors')
      .addOption(new Option('-p, --pid', 'serve: write the pid to .pid in the working directory').hideHelp())
      // Flags of RoadRunner without a meaning here.
      .addOption(new Option('-d, --debug').hideHelp())
      .addOption(new Option('-e, --enable-experimental').hideHelp())
      .addOption(new Option('--WorkDir <dir>').hideHelp())
  )
}

const output = { outputError: (text: string, write: (text: string) => void) => write(usageText(text)) }
const program = withConfig(new Command(isOwnName ? 'relayrunner' : 'rr'))
  .description(
    'Runs queue and Lambda work on pre-warmed workers in PHP, Node, Python or any RoadRunner worker.',
  )
  .version(versionText, '-v, --version')
  .configureOutput(output)
  .exitOverride()
  .addHelpText('after', examplesText)

/** `-w` has RoadRunner's long name, too. */
interface WrittenOptions extends CommonOptions {
  readonly WorkDir?: string
}

/** Adds a command whose code is loaded when it is asked for. */
function add(command: Command, load: () => Promise<Run>, parent: Command = program): void {
  command
    .configureOutput(output)
    .exitOverride()
    .action(async (...words: unknown[]) => {
      const own = words.pop() as Command
      words.pop()
      const [all, local] = [program.opts<WrittenOptions>(), own.opts<WrittenOptions>()]
      const workdir = local.workdir ?? local.WorkDir ?? all.workdir ?? all.WorkDir
      const folder = workdir === undefined ? {} : { workdir }
      const options = { ...all, ...local, ...folder, override: [...all.override, ...(local.override ?? [])] }
      if (own.options.some(({ long }) => long === '--config')) sayWhichConfig(options)
      const run = await load()
      process.exitCode = await run(...([...words, options] as never[]))
    })
  parent.addCommand(command)
}

/** Listens for signals before the server's code is loaded, since one may come meanwhile. */
function server(load: () => Promise<Run>): () => Promise<Run> {
  return () => {
    listenForEnd()
    return load()
  }
}

add(
  withConfig(new Command('serve').description('run until SIGTERM or SIGINT')),
  server(async () => (await import('./server/serve.js')).serve),
)
add(
  withConfig(
    new Command('dev').description(
      'run like serve, with the Lambda emulator; restart workers when files change',
    ),
  )
    .argument(
      '[handler]',
      'run this without a configuration file: worker.php, or index.handler (Node, Python)',
    )
    .option('--sqs <queue>', 'poll a queue: a name (orders, orders.fifo) for one in memory, or a URL')
    .option('--leaks', 'report what jobs leave behind: memory, descriptors, directory, environment …'),
  server(async () => (await import('./server/serve.js')).dev),
)
add(
  withConfig(
    new Command('bootstrap').description('run like serve, inside AWS Lambda: poll $AWS_LAMBDA_RUNTIME_API'),
  ).argument('[handler]', 'handler for the workers (else the one in the file, else $_HANDLER)'),
  server(async () => (await import('./server/serve.js')).bootstrap),
)
add(
  withConfig(
    new Command('compile').description(
      'prepare the start of bootstrap: V8’s code cache, the configuration as JSON',
    ),
  ).option(
    '--out <dir>',
    'folder to write to (else beside the program); RELAYRUNNER_COMPILED names it at the start',
  ),
  async () => (await import('./start/compile.js')).compile,
)
add(
  new Command('init')
    .description('create a project that runs: rr.yaml with its schema, a worker, a test')
    .argument('[language]', 'php, node, python or laravel (else detected from the folder)')
    .argument('[dir]', 'its folder (else this one)'),
  async () => (await import('./init/init.js')).init,
)
add(
  withConfig(
    new Command('validate').description('report every fault of the configuration without starting anything'),
  ).option('--json', 'one JSON document on standard output'),
  async () => (await import('./server/validate.js')).validate,
)
add(
  withConfig(new Command('schema').description('print the JSON Schema of rr.yaml, for editors')),
  async () => (await import('./server/schema.js')).schema,
)
add(
  withConfig(new Command('invoke').description('send one event to the emulator and print the answer'))
    .argument('[file]', 'the event; - reads standard input')
    .option('--body <text>', 'the event; with --sqs the body of each record, where {n} is its number')
    .option('--sqs <n>', 'make an SQS batch of n records; their bodies are {"n":1}, {"n":2} …')
    .option('--fifo', 'make it a FIFO batch')
    .option('--event <name>', 'a sample event, e.g. api-gateway, s3, kinesis')
    .option('--events', 'list the sample events')
    .option('--fail-on-batch-failures', 'exit 1 when the answer names failed records')
    .option('--address <host:port>', 'where the emulator listens')
    .option('--json', 'print the answer on one line'),
  async () => (await import('./lambda/invoke.js')).invoke,
)
add(
  withConfig(new Command('send').description('send messages to the queue that the running server polls'))
    .argument('[file]', 'the body; - reads standard input')
    .option('--body <text>', 'the body; without one it is {"n":1}, {"n":2} …')
    .option('--count <n>', 'how many messages')
    .option('--group <g>', 'message group id; a FIFO queue needs one')
    .option(
      '--deduplication-id <d>',
      'for FIFO queues (else a hash of the body; with --count one per message)',
    )
    .option('--delay <duration>', 'deliver after this time, e.g. 5s; standard queues only')
    .option('--queue <name>', 'name of the queue (else the one that is polled)')
    .option('--json', 'one JSON document on standard output'),
  async () => (await import('./lambda/send.js')).send,
)
add(
  withConfig(
    new Command('queue').description('count the messages of the queue that is polled, or look at them'),
  )
    .argument('[action]', 'show, redrive (move dead ones back) or purge (drop all)')
    .argument('[ids...]', 'redrive: only these messages')
    .option('--dead', 'show, purge: the dead-letter queue')
    .option('--limit <n>', 'show: most messages (else 20)')
    .option('--json', 'one JSON document on standard output'),
  async () => (await import('./lambda/queue.js')).queue,
)
add(
  withConfig(new Command('workers').description('list the workers of the running server'))
    .option('--json', 'one JSON document on standard output')
    .option('-i, --interactive', 'the live screen of `rr top`'),
  async () => (await import('./remote/workers.js')).workers,
)
add(
  withConfig(
    new Command('top').description(
      'a live screen: pools, workers, queues, log; keys to sort, reset, pause, see a stack',
    ),
  ).option('--json', 'one JSON document on standard output'),
  async () => (await import('./remote/top/top.js')).top,
)
const worker = new Command('worker').description('check that a worker keeps the protocol')
program.addCommand(worker)
add(
  new Command('certify')
    .description('run recorded frames and behaviours against a worker: `rr worker certify -- php worker.php`')
    .argument('<command...>', 'the worker’s command')
    .option('--mode <mode>', 'raw (Lambda and raw queues) or jobs (RoadRunner’s jobs)', 'raw')
    .option('--json', 'one JSON document on standard output'),
  async () => (await import('./worker/certify.js')).certify,
  worker,
)
add(
  withConfig(new Command('pools').description('show the state of each pool of the running server')).option(
    '--json',
    'one JSON document on standard output',
  ),
  async () => (await import('./remote/pools.js')).pools,
)
add(
  withConfig(new Command('ledger').description('show what is in flight in the running server')).option(
    '--json',
    'one JSON document on standard output',
  ),
  async () => (await import('./remote/ledger.js')).ledger,
)
add(
  withLogsFlags(withConfig(new Command('logs'), { hasForce: false })),
  async () => (await import('./operate/logs.js')).logs,
)
add(
  new Command('version')
    .description('print the versions of rr, Node and optional packages, and the platform')
    .option('--json', 'one JSON document on standard output'),
  async () => (await import('./operate/version-info.js')).versionInfo,
)
add(
  withDoctorFlags(withConfig(new Command('doctor'))),
  async () => (await import('./operate/doctor.js')).doctor,
)
add(
  withConfig(new Command('jobs').description('show and change the pipelines of the running server'))
    .argument('[action]', 'list, stat, pause, resume, push, dead (jobs that failed for good) or redrive')
    .argument('[words...]', 'pipelines; push: a pipeline and a file; redrive: a pipeline and ids')
    .option('--body <text>', 'push: the body')
    .option('--job <name>', 'push: the name of the job (else rr.jobs)')
    .option('--id <id>', 'push: the id (else a new one)')
    .option('--delay <duration>', 'push: run it after this time, e.g. 5s')
    .option('--priority <n>', 'push: 1 to 1000, less is more often (else the pipeline’s)')
    .option('--json', 'one JSON document on standard output'),
  async () => (await import('./remote/jobs.js')).jobs,
)
add(
  withConfig(new Command('reset').description('restart the workers, one after the other')).argument(
    '[pool...]',
    'pools',
  ),
  async () => (await import('./remote/reset.js')).reset,
)
add(
  withConfig(new Command('stop').description('stop the running server and wait until it has ended')),
  async () => (await import('./remote/stop.js')).stop,
)
add(
  withConfig(new Command('plugins').description('list the plugins of the running server')).option(
    '--json',
    'one JSON document on standard output',
  ),
  async () => (await import('./remote/plugins.js')).plugins,
)
add(
  new Command('completion')
    .description('print the script that completes commands and options in a shell')
    .argument('<shell>', 'bash, zsh or fish'),
  async () => {
    const { completion } = await import('./completion.js')
    return (shell: string) => completion(shell, program)
  },
)
const config = new Command('config').description('show the configuration in force').exitOverride()
program.addCommand(config)
add(
  withConfig(
    new Command('show').description(
      'print it with variables, includes, -o and defaults applied; secrets and values of env as ***',
    ),
  ).option('--json', 'one JSON document on standard output'),
  async () => (await import('./server/config-show.js')).configShow,
  config,
)
const lambda = new Command('lambda').description('check or run a Lambda function').exitOverride()
program.addCommand(lambda)
add(
  withCheckFlags(
    withConfig(new Command('check').description('list settings of the function that will cause problems')),
  ),
  async () => (await import('./lambda/check.js')).lambdaCheck,
  lambda,
)
add(
  withConfig(new Command('run').description('run the function of this folder as Lambda would'))
    .argument(
      '[handler...]',
      'worker.php, or index.handler (Node, Python); after --: the command of its bootstrap',
    )
    .option(
      '--address <host:port>',
      'address to listen on for events (else the file’s emulator.address, else 127.0.0.1:9010)',
    )
    .addOption(
      new Option('--allow-host <name>', 'a host name that requests may use for that address; may be repeated')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--timeout <duration>', 'the function’s timeout', '30s')
    .option('--memory <mb>', 'the function’s memory, for its environment variables', '1769')
    .option('--handler <name>', 'the function’s handler (else $_HANDLER)')
    .option('--init-timeout <duration>', 'limit for a start before the first event (else 10s)')
    .option('--early', 'start before the first event, as provisioned concurrency does')
    .option('--spin-down <duration>', 'end the environment after this time without an event')
    .option('--concurrency <n>', 'Managed Instances: n events at once, no freeze, no reset')
    .option('--no-freeze', 'let the processes run between events')
    .option('--user <uid[:gid]>', 'run as another user; needs root'),
  server(async () => (await import('./lambda/run.js')).lambdaRun),
  lambda,
)

async function main(): Promise<void> {
  // A reader such as `head` may close the pipe early, which is not a fault of the command.
  process.stdout.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE') process.exitCode = ExitCode.fault
  })
  try {
    checkFolder()
    const unknown = unknownHelp(program, process.argv.slice(2))
    if (unknown !== undefined) program.error(unknown, { exitCode: ExitCode.usage })
    await program.parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? ExitCode.ok : ExitCode.usage
      return
    }
    process.exitCode = sayFault(error)
  }
}

void main()
