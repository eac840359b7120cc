/** The command line: every command, one line each, and how errors become one line and an exit code. */
import { Command, CommanderError } from 'commander';
import { VeneerError } from '../functions/error.ts';
import { adaptersCommand } from './commands/adapters.ts';
import { collectCommand } from './commands/collect.ts';
import { compareCommand } from './commands/compare.ts';
import { doctorCommand } from './commands/doctor.ts';
import { evaluateCommand } from './commands/evaluate.ts';
import { exportCommand } from './commands/export.ts';
import { keysCommand } from './commands/keys.ts';
import { promoteCommand } from './commands/promote.ts';
import { pullBaseCommand } from './commands/pull-base.ts';
import { pushAdapterCommand } from './commands/push-adapter.ts';
import { reportCommand } from './commands/report.ts';
import { rollbackCommand } from './commands/rollback.ts';
import { runJobCommand } from './commands/run-job.ts';
import { searchCommand } from './commands/search.ts';
import { serveCommand } from './commands/serve.ts';
import { setupGpuCommand } from './commands/setup-gpu.ts';
import { shadowCommand } from './commands/shadow.ts';
import { submitCommand } from './commands/submit.ts';
import { trainCommand } from './commands/train.ts';
import { usageCommand } from './commands/usage.ts';

const commands = [
  pullBaseCommand,
  trainCommand,
  searchCommand,
  submitCommand,
  runJobCommand,
  collectCommand,
  evaluateCommand,
  pushAdapterCommand,
  exportCommand,
  promoteCommand,
  rollbackCommand,
  shadowCommand,
  adaptersCommand,
  keysCommand,
  usageCommand,
  reportCommand,
  compareCommand,
  serveCommand,
  setupGpuCommand,
  doctorCommand,
];

/** Runs one command line. Returns the exit code: 0 ok, 1 failed, 2 wrong usage. */
export async function runProgram(args: readonly string[]): Promise<number> {
  const program = new Command('trainer')
    .description('Fine-tunes LoRA adapters on a frozen base, pushes and serves them.')
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  for (const add of commands) add(program);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (thrown) {
    if (isHelp(thrown)) return thrown.exitCode === 0 ? 0 : 2;
    const error = thrown instanceof CommanderError ? wrongUsage(thrown) : thrown;
    if (!(error instanceof VeneerError)) throw error;
    process.stderr.write(`error: ${error.message}\n`);
    if (args.includes('--json'))
      process.stdout.write(`${JSON.stringify({ error: { code: error.code, message: error.message } })}\n`);
    return error.exitCode;
  }
}

/** Help was printed: because it was asked for, or in place of a command that is not there. */
function isHelp(thrown: unknown): thrown is CommanderError {
  return thrown instanceof CommanderError && (thrown.exitCode === 0 || thrown.code === 'commander.help');
}

/** Commander puts `error: ` before its message and a guess at what was meant on a second line. */
function wrongUsage({ message }: CommanderError): VeneerError {
  return new VeneerError(
    'usage',
    `${message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')} (see --help)`,
  );
}
