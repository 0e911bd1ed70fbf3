/** Descriptions, options and examples of `rr logs` and `rr doctor`, which are known before their code is loaded. */
import type { Command } from 'commander'

/** Adds what `rr logs` takes. */
export function withLogsFlags(command: Command): Command {
  return command
    .description('show the last lines of the running server’s log')
    .option('-f, --follow', 'go on with new lines until Ctrl-C')
    .option('-n, --lines <count>', 'how many of the last lines', '100')
    .option('--worker <pid>', 'lines of this worker')
    .option('--job <id>', 'lines of a job, or of all jobs of a request')
    .option('--pool <name>', 'lines of this pool')
    .option('--level <level>', 'this level and above: debug, info, warn, error')
    .option('--grep <text>', 'lines with this text, in upper or lower case')
    .option('--json', 'lines as JSON')
    .addHelpText(
      'after',
      `
Examples:
  rr logs -n 20                        the last 20 lines
  rr logs -f --pool jobs --level warn  what goes wrong in a pool, as it happens
  rr logs --job 8476a536-…             what one request and its records logged
  rr logs -f --json | jq .message      lines for a program`,
    )
}

/** Adds what `rr doctor` takes. */
export function withDoctorFlags(command: Command): Command {
  return command
    .description('look at the machine, languages and configuration; say what to do')
    .option('--bundle <file>', 'pack what was seen as a tar.gz for support, without secrets')
    .option('--no-log', 'leave the lines of the log out of the bundle')
    .option('--json', 'one JSON document on standard output')
    .addHelpText(
      'after',
      `
Exit code: 0; 1 with a fault, which keeps the server or its work from running.

Examples:
  rr doctor                            look at this machine and ./rr.yaml
  rr doctor -c prod.yaml --json        for a script: faults, warnings, findings
  rr doctor --bundle support.tar.gz    for a report of a fault; its README.txt says what is in it`,
    )
}
