/** The trainer as a container image, built from trainer/Dockerfile on the machine that deploys, in a repository of its own. */

/** A tag that is pushed again leaves its old image without one; what a running job was started from stays for a while. */
const lifecycle = {
  rules: [
    {
      rulePriority: 1,
      selection: { tagStatus: 'untagged', countType: 'sinceImagePushed', countUnit: 'days', countNumber: 14 },
      action: { type: 'expire' },
    },
  ],
};

/** @returns its address with its digest, so that a job definition means these bytes for ever. */
export function trainerImage() {
  const repository = new aws.ecr.Repository('TrainerImages', {
    encryptionConfigurations: [{ encryptionType: 'AES256' }],
    imageScanningConfiguration: { scanOnPush: true },
    forceDelete: $app.stage !== 'production',
  });
  new aws.ecr.LifecyclePolicy('TrainerImagesLifecycle', {
    repository: repository.name,
    policy: JSON.stringify(lifecycle),
  });
  const login = aws.ecr.getAuthorizationTokenOutput({ registryId: repository.registryId });
  const image = new dockerbuild.Image('TrainerImage', {
    context: { location: process.cwd() },
    dockerfile: { location: 'trainer/Dockerfile' },
    platforms: ['linux/amd64'],
    tags: [$interpolate`${repository.repositoryUrl}:latest`],
    push: true,
    registries: [
      {
        address: repository.repositoryUrl,
        username: login.userName,
        password: $util.secret(login.password),
      },
    ],
  });
  return $interpolate`${repository.repositoryUrl}@${image.digest}`;
}
