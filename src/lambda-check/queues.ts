/** The queues of a template: found by reference, by ARN or by name, with their redrive policies. */
import type { Place } from '../schema/tree.js'
import type { Resolved, Resource, Template } from './intrinsics.js'
import { Reader } from './reader.js'
import type { DeadLetters, Fact, Known, QueueSetup, Redrive } from './setup.js'

/** Default of SQS. */
const visibilityDefault = 30
const retentionDefault = 345_600

/** The queue that a mapping or a redrive policy names; one of another stack has only a name. */
export function findQueue(template: Template, named: Resolved): QueueSetup | undefined {
  if (named.kind === 'absent') return undefined
  if (named.kind === 'resource') {
    const resource = template.resources.get(named.id)
    return resource?.type === 'AWS::SQS::Queue' ? readQueue(template, resource) : outside(named.id)
  }
  const arn = named.kind === 'value' && named.tree.kind === 'scalar' ? String(named.tree.value) : undefined
  if (arn === undefined) return outside(undefined)
  const name = lastPart(arn)
  const resource = queueNamed(template, name)
  if (resource !== undefined) return readQueue(template, resource)
  return name === '' || name.includes('${')
    ? outside(undefined)
    : { ...outside(name), isFifo: fifoByName(name) }
}

/** FIFO queues end in `.fifo`, in ARNs and URLs alike. */
export function fifoByName(name: string): Fact<boolean> {
  return { value: name.endsWith('.fifo') }
}

function readQueue(template: Template, { id, properties, entry }: Resource): QueueSetup {
  const reader = new Reader(template, properties, entry.at)
  return {
    name: id,
    at: entry.at,
    isFifo: reader.flag('FifoQueue', false),
    visibilitySeconds: reader.number('VisibilityTimeout', visibilityDefault),
    retentionSeconds: reader.number('MessageRetentionPeriod', retentionDefault),
    redrive: readRedrive(template, reader, entry.at),
  }
}

function readRedrive(template: Template, queue: Reader, at: Place): Known<Redrive | undefined> {
  const resolved = queue.resolve('RedrivePolicy')
  if (resolved.kind === 'absent') return { value: undefined, at, isDefault: true }
  if (resolved.kind !== 'value') return undefined
  const policy = queue.child('RedrivePolicy')
  const receivesMax = policy.number('maxReceiveCount', undefined)
  return {
    value: {
      receivesMax:
        receivesMax?.value === undefined ? undefined : { ...receivesMax, value: receivesMax.value },
      deadLetters: readDeadLetters(template, policy.resolve('deadLetterTargetArn')),
    },
    at: resolved.tree.at,
  }
}

function readDeadLetters(template: Template, named: Resolved): DeadLetters | undefined {
  if (named.kind === 'resource') {
    const resource = template.resources.get(named.id)
    if (resource?.type !== 'AWS::SQS::Queue') return undefined
    const reader = new Reader(template, resource.properties, resource.entry.at)
    return {
      name: named.id,
      at: resource.entry.at,
      isFifo: reader.flag('FifoQueue', false),
      retentionSeconds: reader.number('MessageRetentionPeriod', retentionDefault),
    }
  }
  if (named.kind !== 'value' || named.tree.kind !== 'scalar') return undefined
  const name = lastPart(String(named.tree.value))
  return name === '' || name.includes('${')
    ? undefined
    : { name, at: named.tree.at, isFifo: fifoByName(name) }
}

function queueNamed(template: Template, name: string): Resource | undefined {
  const [, id] = /^\$\{([^}]+)\}$/.exec(name) ?? []
  if (id !== undefined) {
    const resource = template.resources.get(id)
    return resource?.type === 'AWS::SQS::Queue' ? resource : undefined
  }
  return [...template.resources.values()].find(({ type, properties, entry }) => {
    if (type !== 'AWS::SQS::Queue' || name === '') return false
    const own = new Reader(template, properties, entry.at).resolve('QueueName')
    return own.kind === 'value' && own.tree.kind === 'scalar' && own.tree.value === name
  })
}

/** Returns the text behind the last colon or slash; those of a variable such as `${AWS::Region}` do not count. */
function lastPart(arn: string): string {
  return /(?:\$\{[^}]*\}|[^:/])*$/.exec(arn)?.[0] ?? ''
}

function outside(name: string | undefined): QueueSetup {
  return { name: name ?? '(named elsewhere)', unread: 'it is not a resource of this file' }
}
