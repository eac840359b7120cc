/** README.md of an exported model: what it is, how texts go in, and the Python that runs it. */
import type { TaskName } from '../../functions/artifacts/names.ts';
import { describeMethod } from '../methods/methods.ts';
import type { Trained } from '../trained.ts';

interface ReadmeArguments {
  trained: Trained;
  /** Name of the base. */
  base: string;
  /** The model's. */
  inputs: readonly string[];
}

/** What the Python encodes, and what it prints of `outputs`. */
const examples: Record<TaskName, { encode: string; print: string }> = {
  classification: {
    encode: 'tokenizer.encode_batch(["a text", "another text"])',
    print: 'print([labels[str(best)] for best in outputs[0].argmax(-1)])',
  },
  'sequence-labeling': {
    encode: 'tokenizer.encode_batch(["a text", "another text"])',
    print:
      'print([[labels[str(best)] for best in row] for row in outputs[0].argmax(-1)])  # a tag for each token',
  },
  'question-answering': {
    encode: 'tokenizer.encode_batch([("a question?", "the text with the answer")])',
    print: 'print(outputs[0].argmax(-1), outputs[1].argmax(-1))  # first and last token of the answer',
  },
};

const notes: Record<TaskName, string> = {
  classification: 'A longer text is cut into such windows, and the probabilities of their labels averaged.',
  'sequence-labeling': "A word's tag is the one of its first token.",
  'question-answering':
    'Only tokens of the text can be the answer; the first token ([CLS]) twice says that there is none.',
};

const fields: Record<string, string> = {
  input_ids: 'ids',
  attention_mask: 'attention_mask',
  token_type_ids: 'type_ids',
};

export function onnxReadme({ trained, base, inputs }: ReadmeArguments): Uint8Array {
  const { task, labels, maxLength, stride } = trained.manifest;
  const { encode, print } = examples[task];
  const feeds = inputs.map(name => `"${name}": [e.${fields[name]} for e in encoded]`).join(', ');
  return new TextEncoder().encode(`# ${task}, ${labels.length} labels

Base \`${base}\` with what was trained on it (${describeMethod(trained.method)}) merged in, float32. Labels are in config.json (id2label).

Texts go through tokenizer.json with its special tokens, in windows of at most ${maxLength} tokens that share ${stride}; rows of a batch are
padded to one length with \`attention_mask\` 0. Inputs are int64 [batch_size, sequence_length]: ${inputs.join(', ')}.
${notes[task]}

\`\`\`python
import json, numpy, onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_padding()
tokenizer.enable_truncation(${maxLength})
labels = json.load(open("config.json"))["id2label"]
encoded = ${encode}
feeds = {${feeds}}
session = onnxruntime.InferenceSession("model.onnx")
outputs = session.run(None, {name: numpy.array(rows, dtype="int64") for name, rows in feeds.items()})
${print}
\`\`\`
`);
}
