/** `push-adapter`: publishes a trained adapter, ours or PEFT's, for a tenant and points an alias at it. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import { parseMinMetric } from '../../functions/gates.ts';
import { type FinishedAdapter, publish } from '../../functions/publish.ts';
import type { Store } from '../../functions/store/store.ts';
import { readAdapterDirectory } from '../adapter-directory.ts';
import { flagOf } from '../flag-name.ts';
import { isPeftDirectory, type PeftReadOptions, readPeftDirectory } from '../peft/read.ts';
import { runDirectory } from '../stored-run.ts';
import { cacheDir, openSharedStore, outputOf, real, type SharedOptions, shared, whole } from './command.ts';

/** What only a PEFT directory leaves open. */
type PeftFlags = Partial<Omit<PeftReadOptions, 'cacheDir'>>;

interface Flags extends SharedOptions, PeftFlags {
  tenant: string;
  name: string;
  alias: string;
  minMetric: Record<string, number>;
  maxDrop?: number;
}

function collectMetric(text: string, known: Record<string, number>): Record<string, number> {
  const parsed = parseMinMetric(text);
  if (!parsed) throw new InvalidArgumentError('Write metric=value, e.g. accuracy=0.9.');
  return { ...known, [parsed[0]]: parsed[1] };
}

async function readDirectory(
  store: Store,
  directory: string,
  flags: PeftFlags,
  log: (line: string) => void,
): Promise<FinishedAdapter> {
  if (!(await isPeftDirectory(directory))) {
    const given = Object.keys(flags)[0];
    if (given === undefined) return readAdapterDirectory(directory);
    throw new VeneerError(
      'usage',
      `--${flagOf(given)} goes with a PEFT directory, which ${directory} is not`,
    );
  }
  const { base, quantization = 'int8', ...rest } = flags;
  if (base === undefined)
    throw new VeneerError('usage', `${directory} is a PEFT directory: say its base in the store by --base`);
  return readPeftDirectory(store, directory, { ...rest, base, quantization, cacheDir }, log);
}

export function pushAdapterCommand(program: Command): void {
  shared(program.command('push-adapter'))
    .description('publish a trained adapter for a tenant and point an alias at it')
    .argument('<directory>', 'what trainer train left, on disk or s3://bucket/prefix, or a PEFT directory')
    .requiredOption('--tenant <tenant>', 'whose adapter it becomes')
    .requiredOption('--name <name>', 'name of the adapter')
    .option('--alias <alias>', 'alias that shall point to it', 'live')
    .option(
      '--min-metric <metric=value>',
      'refuse it below this served metric (repeatable)',
      collectMetric,
      {},
    )
    .option(
      '--max-drop <x>',
      'refuse it if quantization costs more of the main metric, as a fraction',
      real(0, 1),
    )
    .option('--base <name>', 'PEFT: base in the store that it was trained on')
    .option(
      '--labels <file>',
      'PEFT: labels, one a line, in the order of the logits; else from its config.json',
    )
    .option('--max-length <n>', 'PEFT: tokens of one window (default as in train)', whole(8, 8192))
    .option('--stride <n>', 'PEFT: tokens that neighbouring windows share', whole(0, 4096))
    .option('--unanswerable', 'PEFT: it learned from questions without an answer')
    .addOption(
      new Option('--quantization <q>', 'PEFT: how it is stored (int8, if left out)').choices([
        'int8',
        'float16',
        'float32',
      ]),
    )
    .action(async (directory: string, flags: Flags) => {
      const output = outputOf(flags);
      const { tenant, name, alias, minMetric, maxDrop, store: _url, json: _json, ...peftFlags } = flags;
      const store = await openSharedStore(flags);
      const adapter = await readDirectory(
        store,
        await runDirectory(directory, cacheDir),
        peftFlags,
        output.log,
      );
      const { created, ...result } = await publish(store, adapter, {
        ...{ tenant, name, alias, minMetrics: minMetric, maxDrop },
      });
      output.result(
        result,
        `${result.name}@${result.alias} -> sha256:${result.digest}${created ? '' : ' (already there)'}`,
      );
    });
}
