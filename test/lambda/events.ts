/**
 * Events as AWS sends them, after the examples of its documentation: a function URL
 * (docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html) and an API Gateway HTTP API, both in payload format 2.0
 * (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html).
 */
export interface Asked {
  method?: 'GET' | 'POST';
  path: string;
  query?: string;
  key?: string;
  body?: unknown;
  /** As AWS sends bodies whose content type it does not know for text. */
  base64?: boolean;
}

const domain = 'abc123.lambda-url.us-east-1.on.aws';

export function functionUrlEvent({ method = 'POST', path, query = '', key, body, base64 = false }: Asked) {
  const text = body === undefined ? undefined : JSON.stringify(body);
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath: path,
    rawQueryString: query,
    headers: {
      'content-type': 'application/json',
      ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
      'x-amzn-tls-cipher-suite': 'TLS_AES_128_GCM_SHA256',
      'x-amzn-tls-version': 'TLSv1.3',
      'x-amzn-trace-id': 'Root=1-5bdb40ca-556d8b0c50dc66f0511bf520',
      'x-forwarded-for': '203.0.113.7',
      'x-forwarded-port': '443',
      'x-forwarded-proto': 'https',
      host: domain,
      'user-agent': 'test',
    },
    ...(query === '' ? {} : { queryStringParameters: Object.fromEntries(new URLSearchParams(query)) }),
    requestContext: {
      accountId: 'anonymous',
      apiId: 'abc123',
      domainName: domain,
      domainPrefix: 'abc123',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '203.0.113.7', userAgent: 'test' },
      requestId: '0a1b2c3d-0000-4000-8000-000000000000',
      routeKey: '$default',
      stage: '$default',
      time: '25/Nov/2026:01:00:00 +0000',
      timeEpoch: 1795568400000,
    },
    ...(text === undefined ? {} : { body: base64 ? Buffer.from(text).toString('base64') : text }),
    isBase64Encoded: base64,
  };
}

/** A stage other than `$default` stands before the path. */
export function httpApiEvent(asked: Asked, stage: string) {
  const event = functionUrlEvent(asked);
  const path = stage === '$default' ? asked.path : `/${stage}${asked.path}`;
  const { requestContext } = event;
  const domainName = 'def456.execute-api.us-east-1.amazonaws.com';
  return {
    ...event,
    routeKey: 'ANY /{proxy+}',
    rawPath: path,
    cookies: ['a=1', 'b=2'],
    headers: { ...event.headers, host: domainName, 'content-length': String(event.body?.length ?? 0) },
    pathParameters: { proxy: asked.path.slice(1) },
    requestContext: {
      ...requestContext,
      ...{ accountId: '123456789012', apiId: 'def456', domainName, domainPrefix: 'def456', stage },
      http: { ...requestContext.http, path },
      routeKey: 'ANY /{proxy+}',
    },
  };
}
