/** The keys of `dashboard:`, and what does not go together. */
import {
  isLoopback,
  listenAddress,
  type SectionConfig,
  type SectionFault,
  secret,
  section,
} from '../../index.js'

const tokenCharactersMin = 16

/** The section. */
export const dashboardSection = section(
  {
    address: { ...listenAddress('Address to listen on: `HOST:PORT`.'), default: '127.0.0.1:9310' },
    token: secret({
      type: 'string',
      default: '',
      description:
        'Text of at least 16 characters with which people log in. Without one the banner has a link that logs in once.',
    }),
    actions: {
      type: 'boolean',
      default: true,
      description: 'Off: the page only shows; it cannot reset, pause, resume or redrive.',
    },
    hosts: {
      type: 'array',
      items: { type: 'string' },
      description: 'Further names under which browsers reach the page, e.g. that of a reverse proxy.',
    },
    allow_remote: {
      type: 'boolean',
      default: false,
      description:
        'Allows an address that is not loopback, without TLS of its own; needs `token`. The server warns of it at every start.',
    },
  },
  'One web page that shows pools, workers, queues and failures, and acts on them.',
  dashboardFaults,
)

/** Validated value of the section. */
export type DashboardSettings = SectionConfig<typeof dashboardSection>

/** The host of an address; empty for every interface. */
export function hostOf(address: string): string {
  return /^(?:tcp:\/\/)?(.*):\d+$/.exec(address)?.[1] ?? ''
}

function dashboardFaults({
  address,
  token,
  allow_remote: isRemoteAllowed,
}: {
  readonly address: string
  readonly token: string
  readonly allow_remote: boolean
}): readonly SectionFault[] {
  const faults: SectionFault[] = []
  if (address.startsWith('unix://'))
    faults.push({
      key: 'address',
      what: 'a browser does not open a socket file',
      hint: 'Write 127.0.0.1:PORT.',
    })
  else if (!isLoopback(hostOf(address)) && !isRemoteAllowed)
    faults.push({
      key: 'address',
      what: `${address} is not a loopback address`,
      hint: 'Write 127.0.0.1:PORT and reach it by `ssh -L`, or set `allow_remote: true` and a token.',
    })
  if (isRemoteAllowed && token === '')
    faults.push({
      key: 'token',
      what: 'is needed with `allow_remote`',
      hint: 'Set it from a variable: ${DASHBOARD_TOKEN}.',
    })
  if (token !== '' && token.length < tokenCharactersMin)
    faults.push({
      key: 'token',
      what: `has fewer than ${tokenCharactersMin} characters`,
      hint: 'Make one with `openssl rand -hex 24`.',
    })
  return faults
}
