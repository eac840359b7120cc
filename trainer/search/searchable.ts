/** Which options of `train` a space may name. */
import { VeneerError } from '../../functions/error.ts';
import { flagOf } from '../flag-name.ts';
import type { Space } from './space.ts';

const searchable = [
  ...['learningRate', 'headLearningRate', 'schedule', 'warmup', 'weightDecay', 'maxGradNorm'],
  ...['batchSize', 'accumulate', 'dropout', 'attentionDropout', 'rDrop', 'labelSmoothing', 'classWeights'],
  ...[
    'method',
    'rank',
    'alpha',
    'rsLora',
    'targetModules',
    'promptTokens',
    'prefixTokens',
    'adapterSize',
    'maxLength',
    'stride',
    'precision',
    'augment',
    'seed',
  ],
];

export function checkNames(space: Space, file: string): void {
  for (const { name } of space) {
    if (name === 'epochs')
      throw new VeneerError(
        'usage',
        `${file}: epochs is what early stopping divides: give it by --epochs, not in the space`,
      );
    if (!searchable.includes(name))
      throw new VeneerError(
        'usage',
        `${file}: ${flagOf(name)} is no option to search: ${searchable.map(flagOf).join(', ')} are`,
      );
  }
}
