/**
 * A head that begins as a nearest-prototype classifier (https://arxiv.org/abs/1703.05175, by cosine): the row of a class is
 * the direction of the mean of its examples, each of length one.
 */

/** Logits of the first step are about this many times cosines: large enough to tell classes apart, small enough to learn. */
const scale = 15;

/**
 * Weights [labels, width] of a head without bias.
 * @param classes The class of each embedding; one that has none keeps a row of zeros.
 */
export function prototypeWeights(
  embeddings: readonly Float32Array[],
  classes: readonly number[],
  labels: number,
): Float32Array {
  const width = embeddings[0]!.length;
  const sums = new Float64Array(labels * width);
  let lengths = 0;
  embeddings.forEach((embedding, i) => {
    const length = lengthOf(embedding);
    lengths += length;
    const row = sums.subarray(classes[i]! * width, (classes[i]! + 1) * width);
    for (let j = 0; j < width; j++) row[j]! += embedding[j]! / (length || 1);
  });
  const typical = lengths / embeddings.length || 1;
  return Float32Array.from(sums, (sum, i) => {
    const start = i - (i % width);
    return (scale * sum) / (typical * (lengthOf(sums.subarray(start, start + width)) || 1));
  });
}

function lengthOf(vector: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i]! ** 2;
  return Math.sqrt(sum);
}
