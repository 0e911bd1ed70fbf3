/** HTTP events of every source in the shapes that AWS's types give them, each changed by what a test is about. */
import type {
  ALBEvent,
  APIGatewayProxyEvent,
  APIGatewayProxyEventV2,
  APIGatewayProxyWebsocketEventV2,
  LambdaFunctionURLEvent,
} from 'aws-lambda'

const ids = { accountId: '123456789012', apiId: 'api', requestId: 'id' }

/** API Gateway's REST API. */
export function restEvent(changes: Partial<APIGatewayProxyEvent> = {}): APIGatewayProxyEvent {
  return {
    resource: '/{proxy+}',
    path: '/shop/cart',
    httpMethod: 'GET',
    headers: { Host: 'shop.example', 'X-Forwarded-Proto': 'https' },
    multiValueHeaders: { Host: ['shop.example'], 'X-Forwarded-Proto': ['https'] },
    queryStringParameters: null,
    multiValueQueryStringParameters: null,
    pathParameters: { proxy: 'shop/cart' },
    stageVariables: null,
    body: null,
    isBase64Encoded: false,
    requestContext: {
      ...ids,
      authorizer: null,
      httpMethod: 'GET',
      identity: {
        accessKey: null,
        accountId: null,
        apiKey: null,
        apiKeyId: null,
        caller: null,
        clientCert: null,
        cognitoAuthenticationProvider: null,
        cognitoAuthenticationType: null,
        cognitoIdentityId: null,
        cognitoIdentityPoolId: null,
        principalOrgId: null,
        sourceIp: '203.0.113.7',
        user: null,
        userAgent: 'curl',
        userArn: null,
      },
      path: '/prod/shop/cart',
      protocol: 'HTTP/1.1',
      requestTimeEpoch: 1_700_000_000_000,
      resourceId: 'r',
      resourcePath: '/{proxy+}',
      stage: 'prod',
    },
    ...changes,
  }
}

/** API Gateway's HTTP API, payload version 2.0. */
export function httpApiEvent(
  changes: Partial<APIGatewayProxyEventV2> & { readonly method?: string } = {},
): APIGatewayProxyEventV2 {
  const { method = 'GET', ...others } = changes
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: '/shop/cart',
    rawQueryString: '',
    headers: { host: 'shop.example', 'x-forwarded-proto': 'https' },
    requestContext: {
      ...ids,
      domainName: 'shop.example',
      domainPrefix: 'shop',
      http: { method, path: '/shop/cart', protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'curl' },
      routeKey: '$default',
      stage: '$default',
      time: '12/Mar/2026:19:03:58 +0000',
      timeEpoch: 1_700_000_000_000,
    },
    isBase64Encoded: false,
    ...others,
  }
}

/** A Function URL. */
export function urlEvent(
  changes: Partial<LambdaFunctionURLEvent> & { readonly method?: string } = {},
): LambdaFunctionURLEvent {
  const event = httpApiEvent(changes)
  const domainName = 'abc.lambda-url.eu-west-1.on.aws'
  return { ...event, requestContext: { ...event.requestContext, domainName } }
}

/** A load balancer; with `multi` its target group has multi-value headers. */
export function albEvent(changes: Partial<ALBEvent> = {}, multi = false): ALBEvent {
  const headers = {
    host: 'shop.example',
    'x-forwarded-proto': 'http',
    'x-forwarded-for': '10.9.9.9, 203.0.113.7',
  }
  return {
    requestContext: { elb: { targetGroupArn: 'arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/t/1' } },
    httpMethod: 'GET',
    path: '/shop/cart',
    ...(multi
      ? {
          multiValueHeaders: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, [v]])),
          multiValueQueryStringParameters: {},
        }
      : { headers, queryStringParameters: {} }),
    body: '',
    isBase64Encoded: false,
    ...changes,
  }
}

/** A WebSocket API of API Gateway. */
export function socketEvent(
  eventType: 'CONNECT' | 'MESSAGE' | 'DISCONNECT',
  changes: Partial<APIGatewayProxyWebsocketEventV2> = {},
): APIGatewayProxyWebsocketEventV2 {
  const routeKey = eventType === 'MESSAGE' ? 'say' : `$${eventType.toLowerCase()}`
  return {
    requestContext: {
      routeKey,
      eventType,
      messageDirection: 'IN',
      stage: 'prod',
      connectedAt: 1_700_000_000_000,
      requestTimeEpoch: 1_700_000_000_000,
      extendedRequestId: 'e',
      requestTime: '12/Mar/2026:19:03:58 +0000',
      messageId: 'm1',
      domainName: 'ws.example',
      connectionId: 'c1=',
      apiId: 'api',
      requestId: 'id',
    },
    isBase64Encoded: false,
    ...changes,
  }
}
