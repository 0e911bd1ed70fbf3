import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadSqs, placeOfQueue } from '../../../../src/work/queues/sqs/client.js'

for (const [url, place] of [
  [
    'https://sqs.eu-west-1.amazonaws.com/123456789012/orders.fifo',
    ['eu-west-1', undefined, 'arn:aws:sqs:eu-west-1:123456789012:orders.fifo'],
  ],
  [
    'http://localhost:9324/000000000000/orders',
    [undefined, 'http://localhost:9324', 'arn:aws:sqs:us-east-1:000000000000:orders'],
  ],
  [
    'http://sqs.eu-west-1.localhost.localstack.cloud:4566/000000000000/orders',
    [
      'eu-west-1',
      'http://sqs.eu-west-1.localhost.localstack.cloud:4566',
      'arn:aws:sqs:eu-west-1:000000000000:orders',
    ],
  ],
  [
    'http://127.0.0.1:9324/orders',
    [undefined, 'http://127.0.0.1:9324', 'arn:aws:sqs:us-east-1:000000000000:orders'],
  ],
] as const) {
  test(`region, endpoint and ARN are read from ${url}`, () => {
    const { region, endpoint, arn } = placeOfQueue(url)
    assert.deepEqual([region, endpoint, arn], place)
  })
}

const awsUrl = 'https://sqs.eu-west-1.amazonaws.com/123456789012/orders'
const ownUrl = 'http://127.0.0.1:9324/000000000000/orders'
const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }

for (const { what, url, env, comesTo } of [
  {
    what: 'a queue of AWS is asked in its own region, with the keys of the environment',
    url: awsUrl,
    env: { ...keys, AWS_SESSION_TOKEN: 'token', AWS_REGION: 'us-east-2' },
    comesTo: { region: 'eu-west-1', endpoint: undefined, id: 'id', token: 'token' },
  },
  {
    what: 'a server on this machine is asked where its URL says, and needs no keys',
    url: ownUrl,
    env: {},
    comesTo: { region: 'us-east-1', endpoint: '127.0.0.1:9324', id: 'local', token: undefined },
  },
  {
    what: 'an endpoint and a region of the environment go before the host of a URL that is not AWS’s',
    url: ownUrl,
    env: { ...keys, AWS_ENDPOINT_URL_SQS: 'http://127.0.0.1:4566', AWS_REGION: 'eu-north-1' },
    comesTo: { region: 'eu-north-1', endpoint: '127.0.0.1:4566', id: 'id', token: undefined },
  },
]) {
  test(what, async (t) => {
    const { client } = await loadSqs({ url, env, key: 'lambda.failed', instead: '`log`' })
    t.after(() => client.destroy())
    const { accessKeyId: id, sessionToken: token } = await client.config.credentials()
    const given = await client.config.endpoint?.()
    const endpoint = given === undefined ? undefined : `${given.hostname}:${given.port}`
    assert.deepEqual({ region: await client.config.region(), endpoint, id, token }, comesTo)
  })
}
