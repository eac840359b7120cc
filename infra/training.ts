/** Training fan-out on AWS Batch: what `trainer submit` names by --queue and --definition. Made only where a stage asks for it. */
import { bucket } from './artifacts.ts';
import { settings } from './settings.ts';
import { trainerImage } from './trainer-image.ts';
import { trainingQueue } from './training-capacity.ts';

/** Of a g4dn.xlarge, the least of the usual instance types, what Batch may give away of its 16 GiB. */
const memoryMib = 14_000;
const vcpus = 4;

/**
 * Batch retries where nothing matches, so the last line ends what failed by itself. 143: told to stop, and it wrote a
 * checkpoint. At most ten attempts is Batch's own limit.
 */
const retryStrategy = {
  attempts: 10,
  evaluateOnExits: [
    { onStatusReason: 'Host EC2*', action: 'RETRY' },
    { onExitCode: '143', action: 'RETRY' },
    { onReason: 'CannotPullContainer*', action: 'RETRY' },
    { onReason: '*', action: 'EXIT' },
  ],
};

/** Bases and data sets are read, runs written; of tenants only adapters to go on from, never their keys. */
function jobRole() {
  const objects = (...keys: string[]) => keys.map(key => $interpolate`${bucket.arn}/${key}`);
  const policy = aws.iam.getPolicyDocumentOutput({
    statements: [
      {
        actions: ['s3:GetObject'],
        resources: objects('bases/*', 'data/*', 'jobs/*', 'runs/*', 'tenants/*/adapters/*'),
      },
      { actions: ['s3:PutObject', 's3:DeleteObject'], resources: objects('runs/*') },
      // Without it S3 answers 403, not 404, for a key that is not there.
      { actions: ['s3:ListBucket'], resources: [bucket.arn] },
    ],
  });
  return new aws.iam.Role('TrainingJobRole', {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'ecs-tasks.amazonaws.com' }),
    inlinePolicies: [{ name: 'runs', policy: policy.json }],
  });
}

function declareTraining() {
  const { region } = aws.getRegionOutput();
  const logs = new aws.cloudwatch.LogGroup('TrainingLogs', { retentionInDays: 30 });
  const queue = trainingQueue();
  const definition = new aws.batch.JobDefinition('TrainingJob', {
    type: 'container',
    platformCapabilities: ['EC2'],
    retryStrategy,
    timeout: { attemptDurationSeconds: settings.training.maxHours * 3600 },
    containerProperties: $jsonStringify({
      image: trainerImage(),
      // What is done without a command of one's own: say whether this image finds its GPU.
      command: ['doctor'],
      jobRoleArn: jobRole().arn,
      resourceRequirements: [
        { type: 'GPU', value: '1' },
        { type: 'VCPU', value: String(vcpus) },
        { type: 'MEMORY', value: String(memoryMib) },
      ],
      environment: [
        { name: 'AWS_REGION', value: region },
        { name: 'AWS_EC2_METADATA_DISABLED', value: 'true' },
        // Else onnxruntime tells Microsoft of its sessions.
        { name: 'ORT_DISABLE_TELEMETRY', value: '1' },
        { name: 'VENEER_STORE', value: $interpolate`s3://${bucket.name}` },
      ],
      logConfiguration: {
        logDriver: 'awslogs',
        options: { 'awslogs-group': logs.name, 'awslogs-region': region, 'awslogs-stream-prefix': 'train' },
      },
      // Forwards signals and reaps the processes of --devices.
      linuxParameters: { initProcessEnabled: true },
    }),
  });
  return { queue: queue.arn, definition: definition.arn };
}

export const training = settings.training.isOn ? declareTraining() : undefined;
