/** Options of `train` about dropout, and which do not go together. */
import type { Command } from 'commander';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import { real } from './command.ts';

export interface DropoutFlags {
  task: TaskName;
  dropout: number;
  attentionDropout: number;
  rDrop: number;
}

export function dropoutFlags(command: Command): Command {
  return command
    .option('--dropout <p>', 'rate after embeddings and sublayers and before the head', real(0, 0.9), 0)
    .option('--attention-dropout <p>', 'rate of attention probabilities', real(0, 0.9), 0)
    .option('--r-drop <alpha>', 'classification: weight of R-Drop (needs dropout)', real(0, 100), 0);
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
