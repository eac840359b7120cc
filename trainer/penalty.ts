/** What a run minds beside its data: a term of the loss over the parameters alone, or values that stay as they are. */
export interface Penalty {
  /** Changes the gradient of the data's loss at `values` in place; returns what is added to the loss. */
  add(values: Float32Array, gradient: Float32Array): number;
  /** Corrects the values after the optimizer changed them. */
  settle?(values: Float32Array): void;
}
