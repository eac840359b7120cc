/** `report`'s page: what one run learned, how good it is, and where it fails. */
import type { AdapterManifest, Metrics } from '../../functions/artifacts/manifests.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import { calibrationOf } from './calibration.ts';
import type { Curves } from './curves.ts';
import { evaluationSections } from './evaluation-sections.ts';
import type { Inspection } from './inspect.ts';
import { type Html, html } from './markup.ts';
import { pageOf } from './page.ts';
import { settingsOf } from './settings.ts';
import { tableCard } from './tables.ts';
import { trainingSection } from './training-section.ts';
import { count, duration, metricName, metricValue, percent, scoredSplit, taskTitle } from './wording.ts';

export interface Run {
  name: string;
  manifest: AdapterManifest;
  curves: Curves;
}

/** What was answered to a data set. */
export interface Evaluation {
  /** Name of the data, for the reader. */
  data: string;
  examples: number;
  metrics: Metrics;
  inspection: Inspection;
}

/** Without an evaluation it tells of the training only. */
export function reportPage({ name, manifest, curves }: Run, evaluation?: Evaluation): string {
  const metrics = evaluation?.metrics ?? manifest.metrics.served;
  const findings = evaluation?.inspection.findings;
  const { total } = curves;
  const figures = headline(manifest, metrics);
  if (findings && findings.judged.answers.length > 0)
    figures.push({
      name: 'Calibration error',
      value: percent(calibrationOf(findings.judged.answers).expectedError),
    });
  if (evaluation) figures.push({ name: 'Examples', value: count(evaluation.examples) });
  if (total) figures.push({ name: `Time in ${count(total.steps)} steps`, value: duration(total.seconds) });
  return pageOf({
    title: name,
    lead: `${taskTitle(manifest.task)} on ${manifest.base.name}, ${scoredOn(manifest, evaluation)}.`,
    figures,
    sections: [
      ...trainingSection(manifest, curves),
      ...(evaluation ? evaluationSections(evaluation.inspection, manifest.maxLength) : []),
      { id: 'settings', title: 'Settings', content: settingsTable(manifest) },
    ],
  });
}

function scoredOn(manifest: AdapterManifest, evaluation: Evaluation | undefined): string {
  if (evaluation) return `scored as served on ${count(evaluation.examples)} examples of ${evaluation.data}`;
  return Object.keys(manifest.metrics.served).length > 0
    ? `scored as served on the ${scoredSplit(manifest)} split of its data`
    : 'not scored';
}

/** The main metric first. Over all single labels micro F1 is accuracy, and is not said twice. */
function headline({ task, problem }: AdapterManifest, metrics: Metrics): { name: string; value: string }[] {
  const mainMetric = trainingTasks[task].mainMetric(problem);
  const shown = Object.entries(metrics).filter(
    ([name, value]) => name === mainMetric || !(name === 'f1_micro' && value === metrics.accuracy),
  );
  shown.sort(([a], [b]) => Number(b === mainMetric) - Number(a === mainMetric));
  return shown.map(([name, value]) => ({ name: metricName(name), value: metricValue(task, name, value) }));
}

function settingsTable(manifest: AdapterManifest): Html {
  const table = html`<table class="wide"><tbody>${Object.entries(settingsOf(manifest)).map(
    ([name, value]) => html`<tr><th scope="row">${name}</th><td class="text">${value}</td></tr>`,
  )}</tbody></table>`;
  return html`<div class="narrow">${tableCard({ label: 'Settings', table })}</div>`;
}
