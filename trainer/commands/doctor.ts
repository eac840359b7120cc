/** `doctor`: what this machine can train with, and what adds the rest. */
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { packageFile } from '../../functions/package-file.ts';
import { describeDiagnosis, diagnose } from '../diagnosis.ts';
import { thisMachine } from '../engine-choice.ts';
import { cacheDir, outputOf } from './command.ts';

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('tell engines, versions, devices, memory, and what is missing')
    .option('--json', 'print one JSON line', false)
    .action(async (flags: { json: boolean }) => {
      const found = await diagnose(thisMachine(cacheDir), fileURLToPath(packageFile('')));
      outputOf(flags).result(found, ...describeDiagnosis(found));
    });
}
