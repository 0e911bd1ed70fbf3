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
}

/** The Runtime API that events are pulled from when it runs in this process. */
export interface RuntimeApiService {
  /** Returns where to pull; call it in set-up. Without any such call the provider warns that its events will not be answered. */
  connect(): RuntimeApiFacts
}

/** Key of the Runtime API; absent unless the emulator runs here. */
export const RuntimeApi = serviceKey<RuntimeApiService>('runtime-api')
