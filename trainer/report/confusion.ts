/** What was taken for what: a matrix of counts for a few labels, the most frequent confusions for many. Pure counting. */

export interface Pair {
  expected: string;
  predicted: string;
}

export interface Confusion {
  labels: string[];
  /** [expected][predicted], by index into `labels`. Empty where there are more labels than a matrix shows. */
  matrix: number[][];
  /** What differs, most frequent first. */
  confused: (Pair & { count: number /** Of all that expected this label, 0 to 1. */; share: number })[];
}

/** Labels of a matrix that can still be read. */
export const matrixLabels = 25;

export function confusionOf(pairs: readonly Pair[]): Confusion {
  const labels = [...new Set(pairs.flatMap(({ expected, predicted }) => [expected, predicted]))].sort();
  const index = new Map(labels.map((label, i) => [label, i]));
  const rows = new Map<string, Map<string, number>>();
  for (const { expected, predicted } of pairs) {
    const row = rows.get(expected) ?? new Map<string, number>();
    rows.set(expected, row.set(predicted, (row.get(predicted) ?? 0) + 1));
  }
  const confused = [...rows].flatMap(([expected, row]) => {
    const support = [...row.values()].reduce((sum, count) => sum + count, 0);
    return [...row]
      .filter(([predicted]) => predicted !== expected)
      .map(([predicted, count]) => ({ expected, predicted, count, share: count / support }));
  });
  confused.sort((a, b) => b.count - a.count || b.share - a.share);
  const matrix: number[][] = [];
  if (labels.length <= matrixLabels)
    for (const label of labels) {
      const row = new Array<number>(labels.length).fill(0);
      for (const [predicted, count] of rows.get(label) ?? []) row[index.get(predicted)!] = count;
      matrix.push(row);
    }
  return { labels, matrix, confused };
}
