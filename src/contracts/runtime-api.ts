/** Contract of a Lambda Runtime API in this process: the emulator provides it, a plugin that pulls events needs it. */
import { serviceKey } from '../supervisor/plugins/keys.js'

/** Address of a Runtime API and the function that it emulates. */
export interface RuntimeApiFacts {
  /** `host:port`, as AWS_LAMBDA_RUNTIME_API would say. */
  readonly address: string
  /** Properties of the function that it emulates. */
  readonly facts: {
    readonly functionName: string
    readonly functionVersion: string
    readonly memoryLimitInMB: number
  }
  /** Called when a batch has ended, before its answer is sent. Absent where nobody looks on. */
  readonly onBatch?: (end: BatchEnd) => void
}

/** End of a batch event, for people who watch. */
export interface BatchEnd {
  readonly requestId: string
  readonly recordCount: number
  readonly tookMs: number
  /** Records that the answer names as failed, in their order. */
  readonly failed: readonly FailedRecord[]
}

/** A record of a batch that failed, and why. */
export interface FailedRecord {
  /** Place in the batch, from 1. */
  readonly record: number
  readonly errorType: string
  readonly errorMessage: string
}

/** The Runtime API that events are pulled from when it runs in this process. */
export interface RuntimeApiService {
  /** Returns where to pull; call it in set-up. Without any such call the provider warns that its events will not be answered. */
  connect(): RuntimeApiFacts
}

/** Key of the Runtime API; absent unless the emulator runs here. */
export const RuntimeApi = serviceKey<RuntimeApiService>('runtime-api')
