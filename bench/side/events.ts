/** Events that the bench deals. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Writes an event of about so many bytes; returns its file. */
export function plainEvent(folder: string, bytes: number): string {
  return written(folder, `plain-${bytes}`, { x: 'y'.repeat(Math.max(0, bytes - 8)) })
}

/** Writes a batch of records from SQS; returns its file. */
export function batchEvent(folder: string, records: number, bodyBytes: number): string {
  const Records = Array.from({ length: records }, (_, at) => record(at, bodyBytes))
  return written(folder, `sqs-${records}-${bodyBytes}`, { Records })
}

function record(at: number, bodyBytes: number): object {
  return {
    messageId: `00000000-0000-4000-8000-${String(at).padStart(12, '0')}`,
    receiptHandle: `AQEB${'r'.repeat(60)}`,
    body: JSON.stringify({ n: at, pad: 'z'.repeat(Math.max(0, bodyBytes - 18)) }),
    attributes: {
      ApproximateReceiveCount: '1',
      SentTimestamp: '1700000000000',
      SenderId: 'AIDA',
      ApproximateFirstReceiveTimestamp: '1700000000001',
    },
    messageAttributes: {},
    md5OfBody: '0'.repeat(32),
    eventSource: 'aws:sqs',
    eventSourceARN: 'arn:aws:sqs:us-east-1:123456789012:q',
    awsRegion: 'us-east-1',
  }
}

function written(folder: string, name: string, event: object): string {
  const file = join(folder, `${name}.json`)
  writeFileSync(file, JSON.stringify(event))
  return file
}
