/**
 * Whether confidences can be believed: accuracy against mean confidence in bins of equal width, and the expected
 * calibration error, the gap between the two weighted by the bins' sizes (Guo et al. 2017, https://arxiv.org/abs/1706.04599).
 */

export interface Judged {
  /** 0 to 1. */
  confidence: number;
  correct: boolean;
}

export interface ReliabilityBin {
  /** Confidences above `from` up to and with `to`; the first bin has 0 too. */
  from: number;
  to: number;
  count: number;
  /** Means over the bin; 0 where it is empty. */
  confidence: number;
  accuracy: number;
}

export interface Calibration {
  bins: ReliabilityBin[];
  /** 0 to 1. */
  expectedError: number;
}

export function calibrationOf(answers: readonly Judged[], count = 10): Calibration {
  const sums = Array.from({ length: count }, () => ({ count: 0, confidence: 0, correct: 0 }));
  for (const { confidence, correct } of answers) {
    // A probability that rounding took past 1 still belongs to the last bin.
    const bin = sums[Math.min(count, Math.max(1, Math.ceil(confidence * count))) - 1]!;
    bin.count++;
    bin.confidence += confidence;
    if (correct) bin.correct++;
  }
  const bins = sums.map((bin, i) => ({
    from: i / count,
    to: (i + 1) / count,
    count: bin.count,
    confidence: bin.confidence / Math.max(1, bin.count),
    accuracy: bin.correct / Math.max(1, bin.count),
  }));
  const expectedError =
    bins.reduce((sum, bin) => sum + bin.count * Math.abs(bin.accuracy - bin.confidence), 0) /
    Math.max(1, answers.length);
  return { bins, expectedError };
}
