/**
 * EC2 capacity that Lambda manages, for loads that never pause: an execution environment takes many requests at once, and
 * rows of different tenants share its batches. It costs while it stands, so it is made only where a stage asks for it.
 */
import { settings } from './settings.ts';

/** What AWS allows a Node function for each vCPU of its execution environment. */
const requestsPerVcpu = 64;
const gibPerVcpu = 2;

export function capacityProviderConfig() {
  const vpc = new sst.aws.Vpc('ManagedInstances', { az: 3 });
  new aws.ec2.VpcEndpoint('ManagedInstancesS3', {
    vpcId: vpc.id,
    serviceName: $interpolate`com.amazonaws.${aws.getRegionOutput().region}.s3`,
    vpcEndpointType: 'Gateway',
  });
  const operator = new aws.iam.Role('ManagedInstancesOperator', {
    assumeRolePolicy: aws.iam.assumeRolePolicyForPrincipal({ Service: 'lambda.amazonaws.com' }),
    managedPolicyArns: ['arn:aws:iam::aws:policy/AWSLambdaManagedEC2ResourceOperator'],
  });
  const provider = new aws.lambda.CapacityProvider('ManagedInstancesCapacity', {
    permissionsConfig: { capacityProviderOperatorRoleArn: operator.arn },
    vpcConfig: { subnetIds: vpc.publicSubnets, securityGroupIds: vpc.securityGroups },
    capacityProviderScalingConfigs: [{ maxVcpuCount: 64, scalingMode: 'Auto', scalingPolicies: [] }],
    instanceRequirements: [
      { architectures: [settings.architecture], allowedInstanceTypes: [], excludedInstanceTypes: [] },
    ],
  });
  const vcpus = Math.max(1, Math.floor(settings.memoryMb / 1024 / gibPerVcpu));
  return {
    lambdaManagedInstancesCapacityProviderConfig: {
      capacityProviderArn: provider.arn,
      executionEnvironmentMemoryGibPerVcpu: gibPerVcpu,
      perExecutionEnvironmentMaxConcurrency: requestsPerVcpu * vcpus,
    },
  };
}
