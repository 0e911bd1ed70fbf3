/** A setup without a fault, for tests that bring in one. */
import type {
  Fact,
  FunctionSetup,
  MappingSetup,
  QueueSetup,
  WorkerSetup,
} from '../../src/lambda-check/setup.js'

/** A value with a place. */
export function fact<T>(value: T): Fact<T> {
  return { value, at: { file: 'template.yaml', line: 7, column: 3 } }
}

/** Replacements for the parts of a setup. */
export interface Changes {
  readonly setup?: Partial<FunctionSetup>
  readonly mapping?: Partial<MappingSetup>
  readonly queue?: Partial<QueueSetup>
  readonly workers?: Partial<WorkerSetup>
}

/** A standard queue with everything as it should be, and the changes. */
export function setupWith({ setup, mapping, queue, workers }: Changes = {}): FunctionSetup {
  return {
    name: 'Orders',
    origin: 'template',
    timeoutSeconds: fact(30),
    memoryMb: fact(1769),
    packageType: fact('Zip'),
    runtime: fact('provided.al2023'),
    handler: fact('worker.php'),
    logFormat: fact('JSON'),
    reservedConcurrency: fact(undefined),
    gateways: [],
    mappings: [
      {
        kind: 'sqs',
        name: 'Jobs',
        reportsFailures: fact(true),
        batchSize: fact(10),
        windowSeconds: fact(0),
        maximumConcurrency: fact(10),
        isProvisioned: fact(false),
        retriesMax: undefined,
        recordAgeSeconds: undefined,
        ...mapping,
        queue:
          mapping?.kind === undefined || mapping.kind === 'sqs'
            ? {
                name: 'Queue',
                isFifo: fact(false),
                visibilitySeconds: fact(180),
                retentionSeconds: fact(345_600),
                redrive: fact({
                  receivesMax: fact(5),
                  deadLetters: { name: 'Dead', isFifo: fact(false), retentionSeconds: fact(1_209_600) },
                }),
                ...queue,
              }
            : undefined,
      },
    ],
    ...setup,
    workers: {
      mode: 'raw',
      poolKey: 'lambda.pool',
      partialFailures: fact(true),
      count: fact('auto'),
      execTtlMs: fact(0),
      allocateTimeoutMs: { value: 60_000, isDefault: true },
      marginMs: fact(1000),
      ...workers,
    },
  }
}
