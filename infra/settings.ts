/** What may differ between stages. The rest is the same everywhere, so that a test stage tests what production runs. */

export interface Settings {
  /** arm64 costs a fifth less a second; see `npm run cost`. */
  architecture: 'arm64' | 'x86_64';
  /** One vCPU at 1769 MB. */
  memoryMb: number;
  /** Requests computed at once at most, over all tenants. Left out: what the account allows. */
  reservedConcurrency?: number;
  /** Whether requests share execution environments on EC2 capacity that Lambda manages, with its standing cost. */
  managedInstances: boolean;
  /** Whether batches are taken, and worked on every five minutes. */
  batches: boolean;
  alarms: { email: string | undefined; p99Ms: number; initMs: number };
  training: TrainingSettings;
  /** What the functions are told besides: how they take tokens, and how much they allow. */
  environment: Record<string, string>;
}

export interface TrainingSettings {
  /** Whether jobs can be submitted. Costs the storage of one image while none is. */
  isOn: boolean;
  /** With one NVIDIA GPU, 4 vCPUs and 16 GiB at least; the more, the rarer no spot capacity is found. */
  instanceTypes: string[];
  /** Over all instances: a g4dn.xlarge has 4. */
  maxVcpus: number;
  /** Availability zones. */
  zones: number;
  /** Of one attempt, after which it is ended. */
  maxHours: number;
}

/** What the functions read of the environment of `sst deploy`, by the names that a server has for it. */
const passedOn = [
  ...['VENEER_JWT_ISSUER', 'VENEER_JWT_AUDIENCE', 'VENEER_JWT_JWKS', 'VENEER_JWT_CLAIM'],
  ...['VENEER_RATE', 'VENEER_TOKEN_RATE', 'VENEER_RATE_LIMITS', 'VENEER_MAX_CONCURRENT'],
  ...['VENEER_MAX_BODY_BYTES', 'VENEER_MAX_INPUTS', 'VENEER_MAX_TEXT_LENGTH'],
  ...['VENEER_PREFETCH', 'VENEER_LOG'],
];

const list = (text: string | undefined) => text?.split(',').filter(Boolean);

const usual: Settings = {
  architecture: process.env.VENEER_ARCHITECTURE === 'x86_64' ? 'x86_64' : 'arm64',
  memoryMb: 2048,
  managedInstances: process.env.VENEER_MANAGED_INSTANCES === '1',
  batches: process.env.VENEER_BATCHES === '1',
  alarms: { email: process.env.VENEER_ALARM_EMAIL, p99Ms: 1_000, initMs: 3_000 },
  training: {
    isOn: process.env.VENEER_TRAINING === '1',
    instanceTypes: list(process.env.VENEER_TRAINING_INSTANCES) ?? ['g4dn.xlarge', 'g5.xlarge', 'g6.xlarge'],
    maxVcpus: Number(process.env.VENEER_TRAINING_MAX_VCPUS || 64),
    zones: 3,
    maxHours: 24,
  },
  environment: Object.fromEntries(
    passedOn.flatMap(name => (process.env[name] ? [[name, process.env[name]]] : [])),
  ),
};

const stages: Record<string, Partial<Settings>> = {
  production: { reservedConcurrency: 200 },
};

export const settings: Settings = { ...usual, ...stages[$app.stage] };
