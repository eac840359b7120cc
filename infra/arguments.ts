/** Command lines of this folder's commands: what cannot be read ends the process with 2 and one line. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** `usage` says how the command is written. */
export function fail(message: string, usage: string): never {
  process.stderr.write(`error: ${message} (${usage})\n`);
  process.exit(2);
}

export function readArguments<Config extends ParseArgsConfig>(config: Config, usage: string) {
  try {
    return parseArgs(config);
  } catch (error) {
    fail((error as Error).message, usage);
  }
}
