"""Writes the golden file of one contrastive step: as peft.py, with the supervised contrastive loss over mean-pooled texts.

    pip install torch transformers peft safetensors    (made with 2.15.0, 5.24.0, 0.21.2)
    python test/golden/contrastive.py OUT_DIR          (committed: test/golden/peft; needs peft.py's model.safetensors there)

OUT_DIR gets contrastive.json and contrastive.safetensors; its `logits` are the pooled texts.
"""

import importlib.util
import json
import sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("golden_peft", Path(__file__).parent / "peft.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

SEED = 20261211
TEMPERATURE = 0.05

# Classes 0, 1, 2, 3, 0, 1, 2: that of the fourth text has no other.
CASE = dict(
    name="contrastive",
    task="classification",
    labels=["a", "b", "c", "d"],
    method="lora",
    rank=2,
    alpha=3,
    targetModules=["q", "v", "d"],
    activation="gelu",
    labelSmoothing=0,
    tokens=12,
    lengths=[12, 7, 3, 9, 5, 12, 4],
)


def model_of(case):
    config = golden.BertConfig(**{**golden.CONFIG, "hidden_act": case["activation"]}, attn_implementation="eager")
    model = golden.PooledClassifier(config, "mean", False)
    model.classifier = nn.Identity()
    return model, []


def loss_of(case, pooled, labels, mask):
    """L_out of https://arxiv.org/abs/2004.11362, equation 2, written as the sums there; a mean over texts that have a positive."""
    z = F.normalize(pooled, dim=1)
    terms = []
    for i in range(len(z)):
        others = [a for a in range(len(z)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        if not positives:
            continue
        below = sum(torch.exp(z[i] @ z[a] / TEMPERATURE) for a in others)
        terms.append(-sum(torch.log(torch.exp(z[i] @ z[p] / TEMPERATURE) / below) for p in positives) / len(positives))
    return sum(terms) / len(terms)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = Path(sys.argv[1])
    golden.model_of, golden.loss_of = model_of, loss_of
    golden.write(folder, load_file(folder / "model.safetensors"), CASE, torch.Generator().manual_seed(SEED))
    (folder / "contrastive.json").write_text(json.dumps(CASE) + "\n")


if __name__ == "__main__":
    main()
