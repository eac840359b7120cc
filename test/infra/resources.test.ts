/** What `sst deploy` would create, from the real sst.config.ts and infra/, resource by resource. */
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { declare, platformFound, type Resource } from './declare.ts';
import { faultsOf, statementsOf } from './rules.ts';

if (!platformFound)
  process.stderr.write(
    'skipped: SST is not unpacked: run "npm run check:infra" once, and the tests of infra/ run\n',
  );

describe.skipIf(!platformFound)('the deployment', { timeout: 240_000 }, () => {
  let resources: Resource[];
  const named = (name: string, among = resources) => {
    const found = among.find(resource => resource.name === name && !resource.type.startsWith('sst:'));
    if (!found) throw new Error(`no ${name} among ${among.map(({ name }) => name).join(', ')}`);
    return found.inputs;
  };
  let training: Resource[];
  beforeAll(async () => {
    resources = await declare('test');
    training = await declare('test', { VENEER_TRAINING: '1' });
  }, 240_000);

  it('breaks no rule', () => {
    expect(faultsOf(resources)).toEqual([]);
    expect(faultsOf(training)).toEqual([]);
  });

  it.each<[wrong: string, change: (resources: Resource[]) => void]>([
    ['ArtifactsBucket: public access is not blocked', drop('BucketPublicAccessBlock')],
    ['ArtifactsBucket: is not encrypted', drop('BucketServerSideEncryptionConfiguration')],
    ['ArtifactsBucket: keeps no earlier versions', drop('BucketVersioning')],
    [
      'ArtifactsPublicAccessBlock: blockPublicPolicy is off',
      set('ArtifactsPublicAccessBlock', { blockPublicPolicy: false }),
    ],
    ['PredictRole: allows s3:*', allow('s3:*', 'arn:aws:s3:::a')],
    ['PredictRole: allows s3:GetObject on everything', allow('s3:GetObject', '*')],
    ['Alarms: is not encrypted', set('Alarms', { kmsMasterKeyId: undefined })],
    ['PredictErrors: tells nobody', set('PredictErrors', { alarmActions: [] })],
    ['PredictFunction: runs on nodejs20.x', set('PredictFunction', { runtime: 'nodejs20.x' })],
    ['TrainingJobRole: allows s3:*', allow('s3:*', 'arn:aws:s3:::a', 'TrainingJobRole')],
    ['TrainingJobRole: allows s3:PutObject on everything', allow('s3:PutObject', '*', 'TrainingJobRole')],
    ['TrainingInstance: is not encrypted', set('TrainingInstance', { blockDeviceMappings: [{ ebs: {} }] })],
    [
      'TrainingInstance: answers for its role without a token',
      set('TrainingInstance', { metadataOptions: { httpTokens: 'optional', httpPutResponseHopLimit: 1 } }),
    ],
    [
      "TrainingInstance: gives containers the instance's role",
      set('TrainingInstance', { metadataOptions: { httpTokens: 'required', httpPutResponseHopLimit: 2 } }),
    ],
    [
      'TrainingSecurity: can be reached',
      set('TrainingSecurity', { ingress: [{ protocol: 'tcp', fromPort: 22, toPort: 22 }] }),
    ],
    ['TrainerImages: is not encrypted', set('TrainerImages', { encryptionConfigurations: undefined })],
    ['TrainerImages: keeps every image for ever', drop('LifecyclePolicy')],
    [
      'TrainingCapacity: has instances without a job',
      setIn('TrainingCapacity', 'computeResources', { minVcpus: 4 }),
    ],
    ['TrainingCapacity: is not spot', setIn('TrainingCapacity', 'computeResources', { type: 'EC2' })],
    ['TrainingJob: ends where its instance is reclaimed', retry([{ onReason: '*', action: 'EXIT' }])],
    ['TrainingJob: tries again what failed', retry([{ onStatusReason: 'Host EC2*', action: 'RETRY' }])],
    ['TrainingJob: has no end', set('TrainingJob', { timeout: {} })],
    ['TrainingJob: its image can be another tomorrow', container({ image: 'trainer:latest' })],
    ['TrainingJob: is privileged', container({ privileged: true })],
    ['TrainingLogs: is kept for ever', set('TrainingLogs', { retentionInDays: undefined })],
    // biome-ignore format: a table
  ])('would show that %s', (wrong, change) => {
    const changed = structuredClone(training);
    change(changed);
    expect(faultsOf(changed)).toEqual([wrong]);
  });

  it('lets the function read artifacts, list the bucket and write what it counts, and nothing else', () => {
    const statements = statementsOf(named('PredictRole')).map(({ actions, resources }) => ({
      actions,
      resources,
    }));
    const bucket = 'arn:aws:mock:::ArtifactsBucket';
    expect(statements).toEqual([
      { actions: ['s3:GetObject'], resources: [`${bucket}/bases/*`, `${bucket}/tenants/*`] },
      { actions: ['s3:ListBucket'], resources: [bucket] },
      {
        actions: ['s3:PutObject'],
        resources: [`${bucket}/tenants/*/usage/*`, `${bucket}/tenants/*/limits/*`],
      },
    ]);
  });

  it('gives the function its memory, processor, time and place of artifacts', () => {
    expect(named('PredictFunction')).toMatchObject({
      architectures: ['arm64'],
      memorySize: 2048,
      timeout: 30,
      loggingConfig: { logFormat: 'JSON' },
      environment: {
        variables: {
          VENEER_STORE: expect.stringMatching(/^s3:\/\//),
          VENEER_BASE: 'minilm-l6',
          VENEER_WORKERS: '0',
        },
      },
    });
    expect(named('PredictFunction')).not.toHaveProperty('capacityProviderConfig');
  });

  it('watches errors, throttles, the slowest answers and starts', () => {
    const alarms = resources.filter(({ type }) => type.endsWith(':MetricAlarm')).map(({ inputs }) => inputs);
    expect(alarms.map(({ metricName }) => metricName).sort()).toEqual([
      'Duration',
      'Errors',
      'Throttles',
      'test-init-ms',
    ]);
    expect(named('PredictSlowAnswers')).toMatchObject({ extendedStatistic: 'p99', threshold: 1000 });
    expect(JSON.parse(named('Dashboard').dashboardBody as string).widgets).toHaveLength(4);
    expect(resources.map(({ type }) => type)).not.toContain('aws:sns/topicSubscription:TopicSubscription');
  });

  it('costs nothing while nobody asks: no network, no instances, no reserved capacity', () => {
    const standing = /^aws:(ec2|ecs|rds|lb|batch)\/|natGateway|capacityProvider|provisionedConcurrency/;
    expect(resources.filter(({ type }) => standing.test(type))).toEqual([]);
  });

  it('trains on one GPU a job, in a queue whose capacity is all spot', () => {
    expect(named('TrainingCapacity', training)).toMatchObject({
      type: 'MANAGED',
      computeResources: {
        instanceTypes: ['g4dn.xlarge', 'g5.xlarge', 'g6.xlarge'],
        ec2Configurations: [{ imageType: 'ECS_AL2023_NVIDIA' }],
        maxVcpus: 64,
        subnets: ['TrainingSubnet0-id', 'TrainingSubnet1-id', 'TrainingSubnet2-id'],
        securityGroupIds: ['TrainingSecurity-id'],
      },
    });
    expect(named('TrainingQueue', training).computeEnvironmentOrders).toEqual([
      { order: 1, computeEnvironment: 'arn:aws:mock:::TrainingCapacity' },
    ]);
    const { containerProperties, retryStrategy } = named('TrainingJob', training);
    expect(retryStrategy).toMatchObject({
      attempts: 10,
      evaluateOnExits: expect.arrayContaining([{ onExitCode: '143', action: 'RETRY' }]),
    });
    const job = JSON.parse(containerProperties as string);
    expect(job).toMatchObject({
      image: 'ecr.mock/trainerimages@sha256:0123',
      jobRoleArn: 'arn:aws:mock:::TrainingJobRole',
      logConfiguration: { options: { 'awslogs-group': 'TrainingLogs', 'awslogs-region': 'us-east-1' } },
    });
    expect(job.resourceRequirements).toContainEqual({ type: 'GPU', value: '1' });
    const variables = Object.fromEntries(
      job.environment.map(({ name, value }: Record<string, string>) => [name, value]),
    );
    expect(variables).toMatchObject({ AWS_REGION: 'us-east-1', VENEER_STORE: expect.stringMatching(/^s3:/) });
  });

  it('lets a job read bases, data, jobs, runs and adapters, write runs, and nothing of a tenant’s keys', () => {
    const bucket = 'arn:aws:mock:::ArtifactsBucket';
    const read = ['bases', 'data', 'jobs', 'runs', 'tenants/*/adapters'].map(keys => `${bucket}/${keys}/*`);
    expect(statementsOf(named('TrainingJobRole', training))).toEqual([
      { actions: ['s3:GetObject'], resources: read },
      { actions: ['s3:PutObject', 's3:DeleteObject'], resources: [`${bucket}/runs/*`] },
      { actions: ['s3:ListBucket'], resources: [bucket] },
    ]);
    expect(named('TrainingJobRole', training)).not.toHaveProperty('managedPolicyArns');
  });

  it('tells instances to end their containers gently before they are reclaimed', () => {
    const { userData } = named('TrainingInstance', training) as { userData: string };
    const text = Buffer.from(userData, 'base64').toString();
    expect(text).toMatch(/^MIME-Version: 1.0\nContent-Type: multipart\/mixed; boundary="part"\n\n--part\n/);
    expect(text).toContain(
      '\n#!/bin/bash\necho ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config\n',
    );
    expect(text).toMatch(/\n--part--\n$/);
  });

  it('builds the image of this repository’s trainer', () => {
    const image = training.find(({ type }) => type === 'docker-build:index:Image')!;
    expect(image.inputs).toMatchObject({
      context: { location: process.cwd() },
      dockerfile: { location: 'trainer/Dockerfile' },
      platforms: ['linux/amd64'],
      push: true,
    });
  });

  it('has no instance, network address or gateway that would cost without a job', () => {
    const standing = /natGateway|:Instance$|:Eip$|loadBalancer|privateDnsNamespace|:Service$/i;
    expect(training.filter(({ type }) => standing.test(type))).toEqual([]);
    const interfaces = training.filter(({ type }) => type.endsWith(':VpcEndpoint'));
    expect(interfaces.map(({ inputs }) => inputs.vpcEndpointType)).toEqual(['Gateway']);
  });

  it('passes on whatever a server reads of its environment and a function can use', async () => {
    const read = ['environment', 'access'].map(file => readFileSync(`functions/http/${file}.ts`, 'utf8'));
    const names = new Set(read.flatMap(text => text.match(/(?<=[.'])VENEER_[A-Z_]+/g) ?? []));
    // Set by infra/ itself, or of a process that listens on ports and stops.
    const own = /^VENEER_(STORE|BASE|WORKERS|CACHE_DIR|USAGE_FLUSH_SECONDS|METRICS_.+|DRAIN_.+)$/;
    const given = [...names].filter(name => !own.test(name)).sort();
    expect(given).toEqual(expect.arrayContaining(['VENEER_JWT_AUDIENCE', 'VENEER_PREFETCH', 'VENEER_RATE']));
    const values = Object.fromEntries(given.map(name => [name, `value of ${name}`]));
    const passed = named('PredictFunction', await declare('test', { ...values, VENEER_STORE: 'file:other' }));
    const { variables } = passed.environment as { variables: Record<string, string> };
    expect(variables).toMatchObject({ ...values, VENEER_STORE: expect.stringMatching(/^s3:/) });
    const usual = named('PredictFunction').environment as { variables: Record<string, string> };
    expect(Object.keys(usual.variables).filter(name => given.includes(name))).toEqual([]);
  });

  it('is what the environment asks for: x86, Managed Instances, batches, mail, in production a reserve', async () => {
    const others = await declare('production', {
      ...{
        VENEER_ARCHITECTURE: 'x86_64',
        VENEER_MANAGED_INSTANCES: '1',
        VENEER_ALARM_EMAIL: 'ops@example.com',
        VENEER_BATCHES: '1',
        VENEER_TRAINING: '1',
        VENEER_TRAINING_INSTANCES: 'g6e.xlarge,p5.4xlarge',
        VENEER_TRAINING_MAX_VCPUS: '8',
      },
    });
    expect(named('TrainingCapacity', others).computeResources).toMatchObject({
      instanceTypes: ['g6e.xlarge', 'p5.4xlarge'],
      maxVcpus: 8,
    });
    expect(faultsOf(others)).toEqual([]);
    expect(named('PredictFunction', others)).toMatchObject({
      architectures: ['x86_64'],
      reservedConcurrentExecutions: 200,
      publishTo: 'LATEST_PUBLISHED',
      capacityProviderConfig: {
        lambdaManagedInstancesCapacityProviderConfig: { perExecutionEnvironmentMaxConcurrency: 64 },
      },
    });
    expect(statementsOf(named('PredictRole', others)).flatMap(({ actions }) => actions)).toEqual([
      ...['s3:GetObject', 's3:ListBucket', 's3:PutObject', 's3:GetObject', 's3:PutObject', 's3:DeleteObject'],
    ]);
    const schedules = others.filter(({ type }) => type.startsWith('aws:scheduler/schedule:'));
    expect(schedules.map(({ inputs }) => inputs.scheduleExpression)).toEqual(['rate(5 minutes)']);
    expect(named('AlarmsByEmail', others)).toMatchObject({ protocol: 'email', endpoint: 'ops@example.com' });
    expect(others.filter(({ type }) => /natGateway|:Instance$/.test(type))).toEqual([]);
  });
});

function drop(kind: string) {
  return (resources: Resource[]) => {
    resources.splice(
      resources.findIndex(({ type }) => type.endsWith(`:${kind}`)),
      1,
    );
  };
}

function setIn(name: string, field: string, inputs: Record<string, unknown>) {
  return (resources: Resource[]) => {
    for (const resource of resources)
      if (resource.name === name) Object.assign(resource.inputs[field] as object, inputs);
  };
}

const retry = (evaluateOnExits: object[]) => setIn('TrainingJob', 'retryStrategy', { evaluateOnExits });

function container(properties: Record<string, unknown>) {
  return (resources: Resource[]) => {
    const { inputs } = resources.find(({ type }) => type.endsWith(':JobDefinition'))!;
    const standing = JSON.parse(inputs.containerProperties as string);
    inputs.containerProperties = JSON.stringify({ ...standing, ...properties });
  };
}

function set(name: string, inputs: Record<string, unknown>) {
  return (resources: Resource[]) => {
    for (const resource of resources) if (resource.name === name) Object.assign(resource.inputs, inputs);
  };
}

function allow(action: string, resource: string, role = 'PredictRole') {
  const statement = { effect: 'Allow', actions: [action], resources: [resource] };
  return set(role, { inlinePolicies: [{ policy: JSON.stringify({ statements: [statement] }) }] });
}
