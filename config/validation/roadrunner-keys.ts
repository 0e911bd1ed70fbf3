/** Keys of RoadRunner that have no meaning here, and what to use instead: a warning, not a fault. */

/** Advice by dotted path; a path covers everything below it. */
const meaninglessKeys: Readonly<Record<string, string>> = {
  envfile: 'use --dotenv FILE',
  endure: 'stopping is bounded by destroy_timeout of each pool',
  reload: 'use `rr dev`, which restarts workers when files change',
  'logs.err_output': 'the log goes to standard error; redirect it there',
  'logs.channels.*.output': 'all channels go where logs.output says',
  'logs.channels.*.err_output': 'all channels go where logs.output says',
  'logs.channels.*.line_ending': 'lines end with a newline',
  'logs.channels.*.file_logger_options': 'all channels go where logs.output says',
  'logs.file_logger_options.max_size': 'let a log collector rotate the file',
  'logs.file_logger_options.max_age': 'let a log collector rotate the file',
  'logs.file_logger_options.max_backups': 'let a log collector rotate the file',
  'logs.file_logger_options.compress': 'let a log collector rotate the file',
  'logs.line_ending': 'lines end with a newline',
  'server.after_init': 'run it before `rr serve`',
  'server.relay_timeout': 'use allocate_timeout of the pool',
  'fileserver.stream_request_body': 'files are only read: leave it out',
  'fileserver.serve.cache_duration':
    'files are looked at for each request: use max_age, by which clients keep them',
  'http.fcgi': 'proxies speak HTTP to http.address',
  'http.headers.cors.debug': 'answers show what was allowed: leave it out',
  'http.http3': 'let a proxy in front speak HTTP/3',
  'http.ssl.acme':
    'let certbot or a proxy in front renew the files of http.ssl, which are read again when they change',
  'jobs.num_pollers': 'as many jobs are taken as workers can soon run: use jobs.pool.num_workers',
  'jobs.pipeline_size': 'jobs wait in their queue: use jobs.pool.num_workers to run more at once',
  'jobs.options': 'pipelines are opened one after the other; leave it out',
  'jobs.pipelines.*.config.max_messages_in_flight': 'as many jobs are taken as workers can soon run',
  'jobs.pipelines.*.config.retain_failed_jobs': 'a failed job always stays in its queue: use jobs.retry',
  'jobs.pipelines.*.config.multiple_ack': 'acknowledgements are joined wherever that is safe: leave it out',
  'jobs.pipelines.*.config.redial_timeout':
    'a lost connection is tried again until it is there: leave it out',
  'jobs.pipelines.*.config.rate_limit': 'as many jobs are taken as workers can soon run',
}

/** Returns what to use instead of a key that has no meaning here; undefined for every other key, `constructor` and its kind included. */
export function insteadOf(path: string): string | undefined {
  const key = path
    .replace(/^jobs\.pipelines\.[^.]+\./, 'jobs.pipelines.*.')
    .replace(/\[\d+\]/g, '')
    .replace(/^logs\.channels\.[^.]+\./, 'logs.channels.*.')
  return Object.hasOwn(meaninglessKeys, key) ? meaninglessKeys[key] : undefined
}

/** Sections of RoadRunner that are planned and not built. */
export const plannedSections: ReadonlySet<string> = new Set(['centrifuge'])

/** Sections of RoadRunner that will not be built, whose work would silently not be done, and what to use instead. */
export const lostWork: ReadonlyMap<string, string> = new Map([
  ['temporal', 'run Temporal’s own worker as a `service`'],
])
