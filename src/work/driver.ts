/** Drivers of queues: what opens a `Source` for a pipeline, and the key under which plugins bring theirs. */
import { type ConfigOf, type Part, type Properties, serviceKey } from '../index.js'
import type { Source } from './source.js'

/** A pipeline that a driver opens: its name, and the validated keys of the driver's part. */
export interface Pipeline<C = unknown> {
  readonly name: string
  readonly config: C
  /** Header of jobs whose values take turns. Drivers that cannot hand jobs out in turn (`guarantees.fairness`) ignore it. */
  readonly fairBy?: string | undefined
}

/** Opens queues of one kind. `jobDriver` makes one. */
export interface JobDriver {
  /** Name of its part, by which a pipeline says `driver: NAME`. */
  readonly name: string
  /** The keys of its pipelines, for those that are declared while the server runs. */
  readonly part: Part
  open(pipeline: Pipeline): Promise<Source>
}

/** Key of the drivers. A plugin that brings one provides it, and has its part in `parts: { [JobDriver.name]: [part] }`. */
export const JobDriver = serviceKey<JobDriver>('jobs.driver')

/** Makes the driver of a part, with the type of `config` from the part's properties. */
export function jobDriver<const P extends Properties>(
  part: Part & { readonly properties: P },
  open: (pipeline: Pipeline<ConfigOf<P>>) => Promise<Source>,
): JobDriver {
  return {
    name: part.name,
    part,
    // Validated against these very properties.
    open: ({ config, ...pipeline }) => open({ ...pipeline, config: config as ConfigOf<P> }),
  }
}
