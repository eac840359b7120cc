/** Where training instances start: public subnets that nothing can reach, which need no NAT gateway and cost nothing idle. */
import { settings } from './settings.ts';

export function trainingNetwork() {
  const vpc = new aws.ec2.Vpc('TrainingVpc', { cidrBlock: '10.64.0.0/16', enableDnsHostnames: true });
  const gateway = new aws.ec2.InternetGateway('TrainingGateway', { vpcId: vpc.id });
  const routes = new aws.ec2.RouteTable('TrainingRoutes', {
    vpcId: vpc.id,
    routes: [{ cidrBlock: '0.0.0.0/0', gatewayId: gateway.id }],
  });
  // Checkpoints and data sets stay off the public network.
  new aws.ec2.VpcEndpoint('TrainingS3', {
    vpcId: vpc.id,
    serviceName: $interpolate`com.amazonaws.${aws.getRegionOutput().region}.s3`,
    vpcEndpointType: 'Gateway',
    routeTableIds: [routes.id],
  });
  const zones = aws.getAvailabilityZonesOutput({ state: 'available' });
  // More zones are more chances for spot capacity.
  const subnets = Array.from({ length: settings.training.zones }, (_, i) => {
    const subnet = new aws.ec2.Subnet(`TrainingSubnet${i}`, {
      vpcId: vpc.id,
      cidrBlock: `10.64.${16 * i}.0/20`,
      availabilityZone: zones.names.apply(names => names[i]!),
      mapPublicIpOnLaunch: true,
    });
    new aws.ec2.RouteTableAssociation(`TrainingSubnetRoutes${i}`, {
      subnetId: subnet.id,
      routeTableId: routes.id,
    });
    return subnet.id;
  });
  const securityGroup = new aws.ec2.SecurityGroup('TrainingSecurity', {
    vpcId: vpc.id,
    description: 'Training instances: out only',
    ingress: [],
    egress: [{ protocol: 'tcp', fromPort: 443, toPort: 443, cidrBlocks: ['0.0.0.0/0'] }],
  });
  return { subnets, securityGroupIds: [securityGroup.id] };
}
