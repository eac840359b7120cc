/** `push-adapter`: publishes a trained adapter for a tenant and points an alias at it. */
import { type Command, InvalidArgumentError } from 'commander';
import { readAdapterDirectory } from '../adapter-directory.ts';
import { publish } from '../publish.ts';
import { openSharedStore, outputOf, real, type SharedOptions, shared } from './command.ts';

interface Flags extends SharedOptions {
  tenant: string;
  name: string;
  alias: string;
  minMetric: Record<string, number>;
  maxDrop?: number;
}

function collectMetric(text: string, known: Record<string, number>): Record<string, number> {
  const [, metric, value] = /^([\w-]+)=(-?[\d.]+(?:e-?\d+)?)$/.exec(text) ?? [];
  if (metric === undefined || Number.isNaN(Number(value)))
    throw new InvalidArgumentError('Write metric=value, e.g. accuracy=0.9.');
  return { ...known, [metric]: Number(value) };
}

export function pushAdapterCommand(program: Command): void {
  shared(program.command('push-adapter'))
    .description('publish a trained adapter for a tenant and point an alias at it')
    .argument('<directory>', 'what trainer train left')
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
    .action(async (directory: string, flags: Flags) => {
      const output = outputOf(flags);
      const store = await openSharedStore(flags);
      const { minMetric, ...rest } = flags;
      const { created, ...result } = await publish(store, await readAdapterDirectory(directory), {
        ...rest,
        minMetrics: minMetric,
      });
      output.result(
        result,
        `${result.name}@${result.alias} -> sha256:${result.digest}${created ? '' : ' (already there)'}`,
      );
    });
}
