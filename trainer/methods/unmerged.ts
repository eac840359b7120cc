/** For methods that add tokens: no tensor of the base can hold them. */
import { VeneerError } from '../../functions/error.ts';
import type { Method } from './method.ts';

/** @throws VeneerError `usage`. */
export function unmerged(name: string): Method<unknown>['merge'] {
  return () => {
    throw new VeneerError(
      'usage',
      `--method ${name} adds vectors beside the tokens, which no weight of a model by itself can hold: push it, or say --format peft`,
    );
  };
}
