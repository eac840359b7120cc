/** `evaluate --by-language`: the scores of one adapter, language by language, and their mean over languages. */
import type { Metrics } from '../../functions/artifacts/manifests.ts';
import type { Store } from '../../functions/store/store.ts';
import type { ColumnOptions } from '../data/columns.ts';
import { languageFiles, splitByLanguage } from '../data/languages.ts';
import { localPath } from '../data/remote.ts';
import { cacheDir } from './command.ts';
import { type AdapterChoice, metricsOf, openEvaluation } from './evaluation.ts';

export interface ByLanguageOptions extends AdapterChoice {
  data: string;
  columns: ColumnOptions;
  languageColumn?: string;
}

export interface LanguageScore {
  language: string;
  examples: number;
  metrics: Metrics;
}

export async function evaluateByLanguage(
  store: Store,
  { data, columns, languageColumn, ...choice }: ByLanguageOptions,
  log: (line: string) => void,
) {
  const path = await localPath(data, cacheDir);
  const files = await languageFiles(path);
  const evaluation = await openEvaluation(store, choice, log);
  const languages: LanguageScore[] = [];
  try {
    const score = async (language: string, examples: readonly { where: string }[]) => {
      log(`${language}: ${examples.length} examples`);
      const metrics = metricsOf(await evaluation.answer(examples));
      languages.push({ language, examples: examples.length, metrics });
    };
    for (const file of files ?? []) {
      const split = await evaluation.read(file.path, columns);
      evaluation.check(split);
      await score(file.language, split.examples);
    }
    if (!files) {
      const split = await evaluation.read(path, columns);
      evaluation.check(split);
      const groups = await splitByLanguage(path, split, languageColumn);
      for (const [language, examples] of groups) await score(language, examples);
    }
  } finally {
    await evaluation.close();
  }
  const names = Object.keys(languages[0]!.metrics);
  const mean = Object.fromEntries(
    names.map(name => [
      name,
      languages.reduce((sum, { metrics }) => sum + metrics[name]!, 0) / languages.length,
    ]),
  );
  const row = (title: string, examples: number, metrics: Metrics) =>
    [title, examples, ...names.map(name => metrics[name]!.toFixed(4))].join('\t');
  const total = languages.reduce((sum, { examples }) => sum + examples, 0);
  return {
    task: evaluation.manifest.task,
    languages,
    mean,
    lines: [
      ['language', 'examples', ...names].join('\t'),
      ...languages.map(({ language, examples, metrics }) => row(language, examples, metrics)),
      row('mean', total, mean),
    ],
  };
}
