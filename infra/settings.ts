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
}

const usual: Settings = {
  architecture: process.env.VENEER_ARCHITECTURE === 'x86_64' ? 'x86_64' : 'arm64',
  memoryMb: 2048,
  managedInstances: process.env.VENEER_MANAGED_INSTANCES === '1',
  batches: process.env.VENEER_BATCHES === '1',
  alarms: { email: process.env.VENEER_ALARM_EMAIL, p99Ms: 1_000, initMs: 3_000 },
};

const stages: Record<string, Partial<Settings>> = {
  production: { reservedConcurrency: 200 },
};

export const settings: Settings = { ...usual, ...stages[$app.stage] };
