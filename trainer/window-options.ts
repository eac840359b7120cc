/** The windows that texts are read in: as asked for, else as before, else the task's defaults, within what the base can do. */
import type { BaseManifest } from '../functions/artifacts/manifests.ts';
import { mostTokens, type VirtualTokens, virtualCount } from '../functions/artifacts/virtual-tokens.ts';
import { VeneerError } from '../functions/error.ts';
import type { WindowOptions } from '../functions/tasks/windows.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';

interface PartialWindow {
  maxLength?: number | undefined;
  stride?: number | undefined;
}

export interface WindowRequest extends PartialWindow {
  /** Those of what is gone on from. A window length of one's own has its own stride. */
  before?: PartialWindow | undefined;
  /** What stands beside the tokens and takes positions. */
  virtual?: VirtualTokens | undefined;
}

export function windowOptions(
  task: AnyTrainingTask,
  request: WindowRequest,
  { config }: BaseManifest,
): WindowOptions {
  const before = request.maxLength === undefined ? request.before : undefined;
  const virtual = request.virtual ?? {};
  const limit = mostTokens(config, virtual);
  const maxLength = request.maxLength ?? before?.maxLength ?? Math.min(task.defaults.maxLength, limit);
  if (maxLength > limit) {
    const beside = virtualCount(virtual) > 0 ? ` beside ${virtualCount(virtual)} virtual ones` : '';
    throw new VeneerError(
      'usage',
      `--max-length ${maxLength}: the base takes ${limit} tokens at most${beside}`,
    );
  }
  const stride =
    request.stride ?? before?.stride ?? Math.min(task.defaults.stride, Math.floor(maxLength / 4));
  if (stride >= maxLength / 2)
    throw new VeneerError('usage', `--stride ${stride}: must be under half of --max-length ${maxLength}`);
  return { maxLength, stride };
}
