/** Pages of runs with everything that a label, a text or a path may do to them: markup, right-to-left, length, no mistakes. */
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { compareRuns } from '../../trainer/report/comparison.ts';
import { comparisonPage } from '../../trainer/report/comparison-page.ts';
import type { Curves } from '../../trainer/report/curves.ts';
import type { Findings } from '../../trainer/report/findings.ts';
import { lengthsOf } from '../../trainer/report/lengths.ts';
import { reportPage } from '../../trainer/report/report.ts';
import { classificationFindings } from '../../trainer/report/tasks/classification.ts';
import { multiLabelFindings } from '../../trainer/report/tasks/multi-label.ts';
import { questionFindings } from '../../trainer/report/tasks/question-answering.ts';
import { regressionFindings } from '../../trainer/report/tasks/regression.ts';
import { entityFindings } from '../../trainer/report/tasks/sequence-labeling.ts';
import { adapter } from '../artifacts/manifest.ts';

export const hostile = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'</title></style><svg onload=alert(1)>",
  '</script><!-- & &amp; &lt;',
  `\${alert(1)}`,
  'javascript:alert(1)',
  'مرحبا بالعالم',
  'label_with_a_very_long_name_that_goes_on/and_on/'.repeat(6),
  'W'.repeat(400),
];

export function manifestOf(task: TaskName, changes: Partial<AdapterManifest> = {}): AdapterManifest {
  const metrics: Record<string, number> =
    task === 'classification' ? { accuracy: 0.75, f1_macro: 0.7 } : { f1: 0.5 };
  return JSON.parse(
    new TextDecoder().decode(
      adapter('tensors', { task, metrics: { trained: metrics, served: metrics }, ...changes }).manifest,
    ),
  );
}

export const steps = (count: number): Curves => ({
  points: Array.from({ length: count }, (_, i) => ({
    at: i + 1,
    loss: 2 / (i + 1) + (i % 3) / 10,
    learningRate: 0.001 * (1 - i / count),
    gradientNorm: 1 + (i % 5),
  })),
  evaluations: [1, 2, 3].map(i => ({ at: (i * count) / 3, metrics: { accuracy: i / 4, f1: i / 4 } })),
  total: { steps: count, seconds: count / 3, tokens: 100 * count },
});

const windows = (length: number) => [
  { ids: new Int32Array(length), typeIds: new Int32Array(length), position: 1, first: 0, count: length - 2 },
];

function page(task: TaskName, findings: Findings, name: string = task): string {
  return reportPage(
    { name, manifest: manifestOf(task), curves: steps(90) },
    {
      data: name,
      examples: 200,
      metrics: { [task === 'classification' ? 'accuracy' : 'f1']: 0.5 },
      inspection: {
        findings,
        lengths: lengthsOf(Array.from({ length: 200 }, (_, i) => windows(i === 0 ? 5000 : 10 + (i % 50)))),
      },
    },
  );
}

/** Every label is taken for the next one every second time. */
async function classified(labels: readonly string[]): Promise<Findings> {
  const examples = Array.from({ length: 200 }, (_, i) => ({
    text: `${hostile[i % hostile.length]} and ${labels[i % labels.length]} `.repeat(1 + (i % 4)),
    labels: [labels[i % labels.length]!],
    where: `data/${hostile[i % hostile.length]}/test.csv:${i + 2}`,
  }));
  const outputs = examples.map((_, i) => {
    const best = labels[(i + (i % 2 === 0 ? 1 : 0)) % labels.length]!;
    return labels
      .map(label => ({ label, score: label === best ? 0.9 : 0.1 / labels.length }))
      .sort((a, b) => b.score - a.score);
  });
  const ask = async (asked: readonly object[]) =>
    asked.map((_, i) => labels.map((label, j) => ({ label, score: (i + j) % 2 ? 0.9 : 0.1 })));
  return classificationFindings(examples, outputs, ask);
}

function severalLabels(): Findings {
  const examples = hostile.map((text, i) => ({
    text,
    labels: hostile.slice(0, i % 4),
    where: `test.csv:${i}`,
  }));
  const outputs = examples.map((_, i) => {
    const ranked = hostile.map((label, j) => ({ label, score: 0.99 / (1 + ((i + j) % 9)) }));
    ranked.sort((a, b) => b.score - a.score);
    return { ranked, labels: ranked.slice(0, 2).map(({ label }) => label) };
  });
  return multiLabelFindings(examples, outputs, hostile);
}

function numbers(): Findings {
  const examples = Array.from({ length: 200 }, (_, i) => ({
    ...{ text: hostile[i % hostile.length]!, pair: 'and this', labels: ['LABEL_0'] },
    ...{ value: i / 40, where: `test.csv:${i}` },
  }));
  return regressionFindings(
    examples,
    examples.map(({ value }, i) => [{ label: 'LABEL_0', score: value + Math.sin(i) }]),
  );
}

function labelled(): Findings {
  const examples = hostile.map((text, i) => ({
    words: ['say', text.replaceAll(/\s/g, ''), 'now'],
    tags: ['O', `B-${text.slice(0, 40)}`, 'O'],
    where: `test.conll:${i}`,
  }));
  return entityFindings(
    examples,
    examples.map(({ words }, i) => {
      const [first, second] = [words[0]!, words[1]!];
      const places = [
        { start: 0, end: first.length },
        { start: first.length + 1, end: first.length + 1 + second.length },
        { start: first.length + second.length + 2, end: first.length + second.length + 5 },
      ];
      const tags = ['O', i % 2 ? 'B-<b>PER</b>' : 'O', 'B-LOC'];
      return {
        entities: [{ entityGroup: 'LOC', score: 0.7, word: 'now', ...places[2]! }],
        words: places,
        tags,
      };
    }),
  );
}

function answered(): Findings {
  const context = `${hostile.join(' ')} ${'filler '.repeat(300)} the end`;
  const examples = hostile.map((text, i) => ({
    ...{ id: String(i), question: `Why ${text}?`, context, where: `test.json:data[${i}]` },
    answers: i === 0 ? [] : [{ text, start: context.indexOf(text) }],
  }));
  const start = context.indexOf('the end');
  return questionFindings(
    examples,
    examples.map(() => [{ answer: 'the end', score: 0.4, start, end: start + 7 }]),
  );
}

/** By what is special about it. */
export async function examplePages(): Promise<Record<string, string>> {
  const many = Array.from({ length: 77 }, (_, i) => `label_${i}`);
  const runs = Array.from({ length: 10 }, (_, i) => ({
    name: hostile[i % hostile.length]!.slice(0, 60) + i,
    manifest: manifestOf('classification', { stride: i }),
    curves: steps(60 + i),
  }));
  return {
    'labels that are markup': page('classification', await classified(hostile), hostile[0]),
    'a few labels': page('classification', await classified(['refund_request', 'delivery_status', 'praise'])),
    'more labels than a matrix shows': page('classification', await classified(many)),
    'no mistakes': page('classification', await classified(['only'])),
    'several labels': page('classification', severalLabels()),
    numbers: page('classification', numbers()),
    entities: page('sequence-labeling', labelled()),
    questions: page('question-answering', answered()),
    'no data': reportPage({ name: 'run', manifest: manifestOf('classification'), curves: steps(1) }),
    'neither data nor curves': reportPage({
      ...{ name: 'run', manifest: manifestOf('classification', { metrics: { trained: {}, served: {} } }) },
      curves: { points: [], evaluations: [] },
    }),
    'runs compared': comparisonPage(runs, compareRuns(runs)),
  };
}
