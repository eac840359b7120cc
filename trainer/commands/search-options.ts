/** Settings of a trial as flags of `train`: each goes through the option's own parser, as if it stood on the command line. */
import { type Command, InvalidArgumentError } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import { checkNames } from '../search/searchable.ts';
import { type Setting, type Settings, type Space, valueAt } from '../search/space.ts';

/** @throws VeneerError naming the option and what is wrong with the value. */
function flagValue(command: Command, name: string, value: Setting): unknown {
  const option = command.options.find(each => each.attributeName() === name)!;
  const refuse = (why: string) =>
    new VeneerError('usage', `the space's ${option.name()} ${JSON.stringify(value)}: ${why}`);
  if (option.isBoolean()) {
    if (typeof value === 'boolean') return value;
    throw refuse('it must be true or false');
  }
  try {
    return option.parseArg ? option.parseArg(String(value), undefined) : String(value);
  } catch (error) {
    if (error instanceof InvalidArgumentError) throw refuse(error.message);
    throw error;
  }
}

export function settingFlags(command: Command, settings: Settings): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, flagValue(command, name, value)]),
  );
}

/** Before anything runs: every name is an option's, and its least, greatest and a middle value, or every choice, are taken. */
export function checkSpace(command: Command, space: Space, file: string): void {
  checkNames(space, file);
  for (const dimension of space) {
    const values =
      'choices' in dimension
        ? dimension.choices
        : [dimension.min, dimension.max, valueAt(dimension, 0.3141592)];
    for (const value of values) flagValue(command, dimension.name, value);
  }
}
