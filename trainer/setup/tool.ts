/** Other programs that a setup runs: what they print is shown only where they fail. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { VeneerError } from '../../functions/error.ts';

export interface Tool {
  /** As `linux-x64`. */
  platform: string;
  /** Returns standard output. @throws VeneerError with the last line of what it said where it fails. */
  run(command: string, options: { args: readonly string[]; cwd: string }): Promise<string>;
}

/** Of what a program said on standard error before it failed, the line that says most. */
export function tellingLine(stderr: string): string | undefined {
  const said = stderr.trim().split('\n').filter(Boolean);
  return (said.findLast(line => /error/i.test(line)) ?? said.at(-1))?.trim();
}

export const thisTool: Tool = {
  platform: `${process.platform}-${process.arch}`,
  async run(command, { args, cwd }) {
    try {
      const maxBuffer = 64 * 2 ** 20;
      return (await promisify(execFile)(command, [...args], { cwd, maxBuffer })).stdout;
    } catch (error) {
      const { stderr = '', message } = error as Error & { stderr?: string };
      const line = tellingLine(stderr) ?? message.trim();
      throw new VeneerError('unavailable', `${command} ${args[0] ?? ''}: ${line}`, { cause: error });
    }
  },
};
