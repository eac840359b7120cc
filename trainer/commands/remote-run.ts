/** A training that another machine does: its command line read as `train` reads it, and refused where it means this machine. */
import { Command, CommanderError } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import { s3Url } from '../../functions/store/open.ts';
import type { RunLine } from '../jobs/run-options.ts';
import { type TrainFlags, trainFlags } from './train.ts';

export function trainParser(): Command {
  return trainFlags(new Command('train'))
    .exitOverride()
    .configureOutput({ outputError() {}, writeOut() {} });
}

/** @throws VeneerError `usage` naming the option, and where it stands. */
export function parseTrain(args: readonly string[], where?: string): TrainFlags {
  const parser = trainParser();
  try {
    parser.parse(args, { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const what = error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ');
    throw new VeneerError('usage', `${where === undefined ? '' : `${where}: `}${what} (see train --help)`);
  }
  return parser.opts<TrainFlags>();
}

/** @throws VeneerError `usage` naming what the other machine would look for in vain. */
export function parseRemoteTrain({ where, args }: RunLine): TrainFlags {
  const flags = parseTrain(args, where);
  const refuse = (what: string) => new VeneerError('usage', `${where}: ${what}`);
  for (const flag of ['--store', '--json', '--resume'])
    if (args.some(arg => arg === flag || arg.startsWith(`${flag}=`)))
      throw refuse(`${flag} is not of a run: submit decides it`);
  if (flags.logDir !== undefined)
    throw refuse('--log-dir is on a disk that ends with the job: report reads the run in the store');
  const { classWeights = 'balanced', labelNames = ',', from, tenant } = flags;
  const places: Record<string, string | undefined> = {
    '--data': flags.data,
    '--eval-data': flags.evalData,
    '--out': flags.out,
    '--synonyms': flags.synonyms,
    '--class-weights': classWeights === 'balanced' || classWeights.includes('=') ? undefined : classWeights,
    '--label-names': labelNames.includes(',') ? undefined : labelNames,
    '--from': tenant === undefined ? from : undefined,
  };
  for (const [flag, place] of Object.entries(places))
    if (place !== undefined && !place.startsWith('s3://'))
      throw refuse(`${flag} ${place} is on this machine, the job is on another: write s3://BUCKET/KEY`);
  if (!s3Url.test(flags.out)) throw refuse(`--out ${flags.out} is no place in S3: write s3://BUCKET/PREFIX`);
  return flags;
}
