/** One cold start: open the store, the base and one adapter, answer one text, print the milliseconds of each stage. */
import { openAdapters } from '../../functions/adapters.ts';
import { openBase } from '../../functions/base.ts';
import { predict } from '../../functions/predict.ts';
import { openStore } from '../../functions/store/open.ts';
import { classification, classificationOptions } from '../../functions/tasks/classification.ts';

async function run(): Promise<void> {
  const [storeUrl, baseName, tenant, reference, cacheDir] = process.argv.slice(2) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const stages: Record<string, number> = { imported: performance.now() };
  const store = await openStore(storeUrl);
  const opening = openBase({ store, name: baseName, cacheDir, workers: 0 });
  const adapters = openAdapters({
    store,
    base: async () => (await opening).manifest,
    budgetBytes: 1 << 28,
    aliasTtlMs: 5_000,
    now: Date.now,
  });
  const [base, adapter] = await Promise.all([opening, adapters.get(tenant, reference)]);
  stages.opened = performance.now();
  const inputs = [{ text: 'Where is my parcel? It was due on Monday.' }];
  await predict({
    base,
    adapter,
    task: classification,
    inputs,
    options: classificationOptions(adapter.manifest),
  });
  stages.predicted = performance.now();
  process.stdout.write(`${JSON.stringify(stages)}\n`);
  process.exit(0);
}

void run();
