"""Writes golden files of one training step with a prefix in every layer: as peft.py, with PEFT's prefix tuning (P-Tuning v2).

    pip install torch "transformers==4.49.*" "peft==0.14.*" safetensors    (the last with past_key_values in BertModel; torch 2.15.0)
    python test/golden/prefix.py OUT_DIR        (committed: test/golden/peft; needs peft.py's model.safetensors there)

OUT_DIR gets prefix.json and one <case>.safetensors a case, whose prompt_embeddings have a row for each key and value.
"""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

spec = importlib.util.spec_from_file_location("golden_peft", Path(__file__).parent / "peft.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

import torch
from peft import PrefixTuningConfig, get_peft_model

SEED = 20261201
peft_step = golden.step


def trainable_of(case, model, whole):
    model.bert.embeddings.word_embeddings.padding_idx = None
    adapted = get_peft_model(model, PrefixTuningConfig(task_type=golden.TASK_TYPES[case["task"]], num_virtual_tokens=case["virtual"]))
    if "pooler" in whole:  # Which PEFT leaves frozen.
        model.bert.pooler.requires_grad_(True)
    return golden.virtual_trainable(adapted.eval())


def outputs_of(case, model, batch):
    """PEFT's model for QUESTION_ANS drops token types, so there the encoder is given PEFT's prefix, and its mask."""
    if case["task"] != "question-answering":
        return model(**batch)
    rows = len(batch["input_ids"])
    mask = torch.cat([torch.ones(rows, case["virtual"]).long(), batch["attention_mask"]], 1)
    base = model.base_model
    hidden = base.bert(**{**batch, "attention_mask": mask}, past_key_values=model.get_prompt(rows)).last_hidden_state
    start, end = base.qa_outputs(hidden).unbind(2)
    return SimpleNamespace(start_logits=start, end_logits=end)


def step(case, base, generator):
    tensors = peft_step(case, base, generator)
    rows = lambda name, tensor: tensor.reshape(-1, golden.CONFIG["hidden_size"]) if name.endswith("prompt_embeddings") else tensor
    return {name: rows(name, tensor) for name, tensor in tensors.items()}


def cases():
    token = dict(kind="token")
    tasks = [
        ("classification", ["a", "b", "c"], dict(kind="pooled", pooling="cls", dense=True), 5),
        ("sequence-labeling", ["O", "B-x", "I-x"], token, 8),
        ("question-answering", ["start", "end"], token, 1),
    ]
    for task, labels, head, virtual in tasks:
        yield dict(
            name=f"prefix.{task}",
            task=task,
            labels=labels,
            head=head,
            method="prefix",
            activation="gelu",
            labelSmoothing=0,
            tokens=12,
            lengths=[12, 7, 3],
            virtual=virtual,
        )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    golden.trainable_of, golden.outputs_of, golden.step = trainable_of, outputs_of, step
    golden.write_cases("prefix", cases(), SEED)


if __name__ == "__main__":
    main()
