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
      case 'aws:ec2/launchTemplate:LaunchTemplate': {
        const disks = (inputs.blockDeviceMappings ?? []) as { ebs: { encrypted?: string } }[];
        const metadata = (inputs.metadataOptions ?? {}) as Record<string, unknown>;
        return [
          ...fault(
            disks.length === 0 || disks.some(({ ebs }) => ebs.encrypted !== 'true'),
            'is not encrypted',
          ),
          ...fault(metadata.httpTokens !== 'required', 'answers for its role without a token'),
          ...fault(metadata.httpPutResponseHopLimit !== 1, "gives containers the instance's role"),
        ];
      }
      case 'aws:ec2/securityGroup:SecurityGroup':
        return fault(
          name.startsWith('Training') && (inputs.ingress as unknown[])?.length !== 0,
          'can be reached',
        );
      case 'aws:ecr/repository:Repository':
        return [
          ...fault(!(inputs.encryptionConfigurations as unknown[] | undefined)?.length, 'is not encrypted'),
          ...fault(
            !resources.some(({ type }) => type === 'aws:ecr/lifecyclePolicy:LifecyclePolicy'),
            'keeps every image for ever',
          ),
        ];
      case 'aws:batch/computeEnvironment:ComputeEnvironment': {
        const { type, minVcpus, allocationStrategy } = inputs.computeResources as Record<string, unknown>;
        return [
          ...fault(minVcpus !== 0, 'has instances without a job'),
          ...fault(type !== 'SPOT' || allocationStrategy !== 'SPOT_PRICE_CAPACITY_OPTIMIZED', 'is not spot'),
        ];
      }
      case 'aws:batch/jobDefinition:JobDefinition':
        return jobFaults(inputs).map(what => `${name}: ${what}`);
      case 'aws:cloudwatch/logGroup:LogGroup':
        return fault(!inputs.retentionInDays, 'is kept for ever');
      default:
        return [];
    }
  });
}

function jobFaults(inputs: Record<string, unknown>): string[] {
  const container = JSON.parse(inputs.containerProperties as string);
  const rules = (inputs.retryStrategy as { evaluateOnExits: Record<string, string>[] }).evaluateOnExits;
  const fault = (wrong: boolean, what: string) => (wrong ? [what] : []);
  return [
    ...fault(!/@sha256:/.test(container.image), 'its image can be another tomorrow'),
    ...fault(container.privileged === true, 'is privileged'),
    ...fault(rules.length > 5, 'has more rules for its end than Batch takes'),
    ...fault(
      !rules.some(({ onStatusReason, action }) => onStatusReason === 'Host EC2*' && action === 'RETRY'),
      'ends where its instance is reclaimed',
    ),
    ...fault(rules.at(-1)?.onReason !== '*' || rules.at(-1)?.action !== 'EXIT', 'tries again what failed'),
    ...fault(!(inputs.timeout as { attemptDurationSeconds?: number })?.attemptDurationSeconds, 'has no end'),
  ];
}

/** Of inline policies and of bucket policies, as the recorder writes policy documents. */
export function statementsOf(inputs: Record<string, unknown>): Statement[] {
  const inline = (inputs.inlinePolicies ?? []) as { policy: string }[];
  const documents = [...inline.map(({ policy }) => policy), inputs.policy].filter(
    text => typeof text === 'string',
  );
  return documents.flatMap(text => JSON.parse(text).statements ?? []);
}
