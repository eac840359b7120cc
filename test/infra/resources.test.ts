/** What `sst deploy` would create, from the real sst.config.ts and infra/, resource by resource. */
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
  beforeAll(async () => {
    resources = await declare('test');
  }, 240_000);

  it('breaks no rule', () => {
    expect(faultsOf(resources)).toEqual([]);
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
    // biome-ignore format: a table
  ])('would show that %s', (wrong, change) => {
    const changed = structuredClone(resources);
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

  it('is what the environment asks for: x86, Managed Instances, batches, mail, in production a reserve', async () => {
    const others = await declare('production', {
      ...{
        VENEER_ARCHITECTURE: 'x86_64',
        VENEER_MANAGED_INSTANCES: '1',
        VENEER_ALARM_EMAIL: 'ops@example.com',
        VENEER_BATCHES: '1',
      },
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

function set(name: string, inputs: Record<string, unknown>) {
  return (resources: Resource[]) => {
    for (const resource of resources) if (resource.name === name) Object.assign(resource.inputs, inputs);
  };
}

function allow(action: string, resource: string) {
  const statement = { effect: 'Allow', actions: [action], resources: [resource] };
  return set('PredictRole', { inlinePolicies: [{ policy: JSON.stringify({ statements: [statement] }) }] });
}
