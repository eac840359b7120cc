/** What the AWS SDK throws, as one line for a person. Takes names, codes and numbers only: messages may carry secrets. */
import { VeneerError } from '../error.ts';

interface SdkError {
  name?: string;
  code?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number; requestId?: string };
}

/** Not all servers answer these with 403, and AWS itself does not for tokens. */
const badCredentials = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
]);

export interface S3Attempt {
  /** Such as `reading tenants/acme/...`. */
  doing: string;
  url: string;
  bucket: string;
}

export function translateS3Error(thrown: unknown, { doing, url, bucket }: S3Attempt): VeneerError {
  if (thrown instanceof VeneerError) return thrown;
  const error = thrown as SdkError;
  const name = error.name ?? 'Error';
  const status = error.$metadata?.httpStatusCode;
  const where = `${doing} in ${url}`;

  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return new VeneerError(
      'forbidden',
      `${where}: no AWS credentials found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY`,
    );
  if (error.message?.startsWith('Region is missing'))
    return new VeneerError('usage', `${where}: no AWS region is set: set AWS_REGION`);
  // Not `not_found`: to a caller that would mean the object.
  if (name === 'NoSuchBucket')
    return new VeneerError(
      'unavailable',
      `${where}: the bucket ${bucket} does not exist: create it or correct the store's URL`,
    );
  if (status === 301 || name === 'PermanentRedirect' || name === 'AuthorizationHeaderMalformed')
    return new VeneerError(
      'unavailable',
      `${where}: the bucket ${bucket} is in another region: set AWS_REGION to its region`,
    );
  if (status === 401 || status === 403 || badCredentials.has(name))
    return new VeneerError(
      'forbidden',
      `${where}: S3 refused these credentials (${name}): check the keys and the bucket's policy`,
    );
  if (status === undefined)
    return new VeneerError(
      'unavailable',
      `${where}: S3 cannot be reached (${error.code ?? name}): check the network and AWS_ENDPOINT_URL`,
    );
  const request = error.$metadata?.requestId ? `, request ${error.$metadata.requestId}` : '';
  return new VeneerError('unavailable', `${where}: S3 answered ${status} (${name}${request}): try again`);
}
