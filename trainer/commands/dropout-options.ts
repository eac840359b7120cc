/** Options of `train` about dropout that do not go together. */
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';

export interface DropoutFlags {
  task: TaskName;
  dropout: number;
  attentionDropout: number;
  rDrop: number;
}

/** @throws VeneerError `usage` where R-Drop has nothing to compare. */
export function checkRDrop({ rDrop, task, dropout, attentionDropout }: DropoutFlags): void {
  if (rDrop === 0) return;
  if (task !== 'classification')
    throw new VeneerError('usage', `--r-drop ${rDrop}: for --task classification only`);
  if (dropout === 0 && attentionDropout === 0)
    throw new VeneerError(
      'usage',
      `--r-drop ${rDrop}: needs --dropout or --attention-dropout above 0, without which both passes are the same`,
    );
}
