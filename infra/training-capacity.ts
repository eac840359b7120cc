/** GPU instances for training, from spot capacity, as many as jobs are waiting and none without one. */
import { settings } from './settings.ts';
import { trainingNetwork } from './training-network.ts';

/**
 * Batch wants user data in parts. A reclaimed instance tells its containers two minutes ahead: `trainer` writes a checkpoint
 * and ends within the time that is set here.
 */
const userData = [
  'MIME-Version: 1.0',
  'Content-Type: multipart/mixed; boundary="part"',
  '',
  '--part',
  'Content-Type: text/x-shellscript; charset="us-ascii"',
  '',
  '#!/bin/bash',
  'echo ECS_ENABLE_SPOT_INSTANCE_DRAINING=true >> /etc/ecs/ecs.config',
  'echo ECS_CONTAINER_STOP_TIMEOUT=100s >> /etc/ecs/ecs.config',
  '',
  '--part--',
  '',
].join('\n');

export function trainingQueue() {
  const { instanceTypes, maxVcpus } = settings.training;
  const role = new aws.iam.Role('TrainingInstanceRole', {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'ec2.amazonaws.com' }),
    managedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role'],
  });
  const profile = new aws.iam.InstanceProfile('TrainingInstanceProfile', { role: role.name });
  const template = new aws.ec2.LaunchTemplate('TrainingInstance', {
    userData: Buffer.from(userData).toString('base64'),
    // The image unpacks to over 5 GB, most of it CUDA's libraries.
    blockDeviceMappings: [
      { deviceName: '/dev/xvda', ebs: { volumeSize: 80, volumeType: 'gp3', encrypted: 'true' } },
    ],
    // One hop: a container gets the job's role, and cannot ask for the instance's.
    metadataOptions: { httpEndpoint: 'enabled', httpTokens: 'required', httpPutResponseHopLimit: 1 },
    updateDefaultVersion: true,
  });
  const capacity = new aws.batch.ComputeEnvironment('TrainingCapacity', {
    type: 'MANAGED',
    computeResources: {
      type: 'SPOT',
      allocationStrategy: 'SPOT_PRICE_CAPACITY_OPTIMIZED',
      instanceTypes,
      minVcpus: 0,
      maxVcpus,
      instanceRole: profile.arn,
      ec2Configurations: [{ imageType: 'ECS_AL2023_NVIDIA' }],
      launchTemplate: { launchTemplateId: template.id, version: '$Latest' },
      ...trainingNetwork(),
    },
  });
  return new aws.batch.JobQueue('TrainingQueue', {
    state: 'ENABLED',
    priority: 1,
    computeEnvironmentOrders: [{ order: 1, computeEnvironment: capacity.arn }],
  });
}
