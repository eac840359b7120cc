/**
 * A strict reader of Prometheus' text format (https://prometheus.io/docs/instrumenting/exposition_formats/): it throws at
 * what `promtool check metrics` would not let pass.
 */

export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

export interface Family {
  type: string;
  help: string;
  samples: Sample[];
}

const sampleLine = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (-?[\d.]+(?:e[+-]?\d+)?|NaN|[+-]Inf)$/i;
const label = /([a-zA-Z_]\w*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;
const suffixes: Record<string, RegExp> = {
  counter: /^$/,
  gauge: /^$/,
  histogram: /^(_bucket|_sum|_count)$/,
  summary: /^(|_sum|_count)$/,
};

export function readExposition(text: string): Map<string, Family> {
  const families = new Map<string, Family>();
  const helps = new Map<string, string>();
  const series = new Set<string>();
  if (!text.endsWith('\n')) throw new Error('the last line does not end');
  let current: [name: string, family: Family] | undefined;
  for (const line of text.split('\n')) {
    if (line === '') continue;
    const [, comment, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (comment === 'HELP') {
      if (helps.has(name!)) throw new Error(`a second HELP: ${line}`);
      helps.set(name!, rest!);
    } else if (comment === 'TYPE') {
      if (families.has(name!)) throw new Error(`a second TYPE: ${line}`);
      if (!suffixes[rest!]) throw new Error(`no type: ${line}`);
      if (!helps.has(name!)) throw new Error(`no HELP before: ${line}`);
      if (rest === 'counter' && !name!.endsWith('_total'))
        throw new Error(`a counter ends in _total: ${line}`);
      current = [name!, { type: rest!, help: helps.get(name!)!, samples: [] }];
      families.set(...current);
    } else {
      const sample = readSample(line);
      if (!current) throw new Error(`outside a family: ${line}`);
      const [family, { type, samples }] = current;
      if (!sample.name.startsWith(family)) throw new Error(`outside its family: ${line}`);
      if (!suffixes[type]!.test(sample.name.slice(family.length)))
        throw new Error(`not of a ${type}: ${line}`);
      const key = `${sample.name} ${JSON.stringify(Object.entries(sample.labels).sort())}`;
      if (series.has(key)) throw new Error(`twice: ${line}`);
      series.add(key);
      samples.push(sample);
    }
  }
  for (const [name, family] of families) if (family.type === 'histogram') checkHistogram(name, family);
  return families;
}

function readSample(line: string): Sample {
  const [, name, inner = '', value] = sampleLine.exec(line) ?? [];
  if (name === undefined) throw new Error(`no sample: ${line}`);
  const labels: Record<string, string> = {};
  label.lastIndex = 0;
  for (let at = 0; at < inner.length; at = label.lastIndex) {
    const [, key, text] = label.exec(inner) ?? [];
    if (key === undefined || key in labels) throw new Error(`labels: ${line}`);
    labels[key] = text!;
  }
  return { name, labels, value: Number(value!.replace('Inf', 'Infinity')) };
}

/** Buckets rise, the last is +Inf, and it is the count. */
function checkHistogram(name: string, { samples }: Family): void {
  const groups = new Map<string, { le: number; value: number }[]>();
  const counts = new Map<string, number>();
  for (const { name: full, labels, value } of samples) {
    const { le, ...others } = labels;
    const key = JSON.stringify(others);
    if (full.endsWith('_count')) counts.set(key, value);
    if (full.endsWith('_bucket'))
      groups.set(key, [...(groups.get(key) ?? []), { le: Number(le!.replace('Inf', 'Infinity')), value }]);
  }
  if (groups.size !== counts.size) throw new Error(`${name}: buckets without a count`);
  for (const [key, buckets] of groups) {
    buckets.forEach(({ le, value }, i) => {
      const before = buckets[i - 1];
      if (before && (before.le >= le || before.value > value))
        throw new Error(`${name}: ${key} does not rise`);
    });
    const last = buckets.at(-1)!;
    if (last.le !== Number.POSITIVE_INFINITY || last.value !== counts.get(key))
      throw new Error(`${name}: ${key} does not end in its count`);
  }
}

/** The sum of the samples of this name that have these labels. */
export function total(
  families: Map<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number {
  const all = [...families.values()].flatMap(({ samples }) => samples);
  return all
    .filter(
      sample =>
        sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
    )
    .reduce((sum, { value }) => sum + value, 0);
}
