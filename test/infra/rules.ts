/** What no deployment of this project may be, as rules over all of its resources. */
import type { Resource } from './declare.ts';

interface Statement {
  effect?: string;
  actions?: string[];
  resources?: string[];
}

/** One line for each thing that is wrong; empty for a deployment that is as it should be. */
export function faultsOf(resources: readonly Resource[]): string[] {
  return resources.flatMap(resource => {
    const { type, name, inputs } = resource;
    const has = (kind: string) =>
      resources.some(({ type, inputs: { bucket } }) => type.endsWith(`:${kind}`) && bucket === inputs.bucket);
    const fault = (wrong: boolean, what: string) => (wrong ? [`${name}: ${what}`] : []);
    switch (type) {
      case 'aws:s3/bucket:Bucket':
        return [
          ...fault(!has('BucketPublicAccessBlock'), 'public access is not blocked'),
          ...fault(!has('BucketServerSideEncryptionConfiguration'), 'is not encrypted'),
          ...fault(!has('BucketVersioning'), 'keeps no earlier versions'),
          ...fault(!has('BucketLifecycleConfiguration'), 'keeps replaced objects for ever'),
          ...fault(has('BucketCorsConfiguration'), 'is open to browsers'),
        ];
      case 'aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock': {
        const all = ['blockPublicAcls', 'blockPublicPolicy', 'ignorePublicAcls', 'restrictPublicBuckets'];
        return all.flatMap(setting => fault(inputs[setting] !== true, `${setting} is off`));
      }
      case 'aws:s3/bucketPolicy:BucketPolicy':
      case 'aws:iam/role:Role':
        return statementsOf(inputs).flatMap(({ effect, actions = [], resources = [] }) => [
          ...fault(effect !== 'Deny' && actions.some(action => action.includes('*')), `allows ${actions}`),
          ...fault(effect !== 'Deny' && resources.includes('*'), `allows ${actions} on everything`),
        ]);
      case 'aws:sns/topic:Topic':
        return fault(inputs.kmsMasterKeyId === undefined, 'is not encrypted');
      case 'aws:lambda/function:Function':
        return fault(inputs.runtime !== 'nodejs22.x', `runs on ${inputs.runtime}`);
      case 'aws:cloudwatch/metricAlarm:MetricAlarm':
        return fault(!(inputs.alarmActions as unknown[] | undefined)?.length, 'tells nobody');
      default:
        return [];
    }
  });
}

/** Of inline policies and of bucket policies, as the recorder writes policy documents. */
export function statementsOf(inputs: Record<string, unknown>): Statement[] {
  const inline = (inputs.inlinePolicies ?? []) as { policy: string }[];
  const documents = [...inline.map(({ policy }) => policy), inputs.policy].filter(
    text => typeof text === 'string',
  );
  return documents.flatMap(text => JSON.parse(text).statements ?? []);
}
