/** The keys of `status:`. */
import { listenAddress, required, type SectionConfig, section } from '../../index.js'

/** The section. */
export const statusSection = section(
  {
    address: required(listenAddress()),
    unavailable_status_code: {
      type: 'integer',
      minimum: 100,
      maximum: 599,
      default: 503,
      description: 'HTTP status of an answer that names a plugin which is not healthy or not ready.',
    },
    check_timeout: {
      type: 'integer',
      minimum: 1,
      maximum: 86_400,
      default: 60,
      description: 'Seconds that one plugin may take for its answer; then it counts as unavailable.',
    },
  },
  'Health checks over HTTP: `/health`, `/ready` and `/jobs`.',
)

/** Validated value of the section. */
export type StatusSettings = SectionConfig<typeof statusSection>
