"""Writes golden files of one training step with Houlsby's adapters, which PEFT lacks: as peft.py, with modules written here.

    pip install torch transformers peft safetensors    (made with 2.15.0, 5.24.0, 0.21.2)
    python test/golden/houlsby.py OUT_DIR              (committed: test/golden/peft; needs peft.py's model.safetensors there)

OUT_DIR gets houlsby.json and one <case>.safetensors a case.
"""

import importlib.util
import sys
from pathlib import Path

spec = importlib.util.spec_from_file_location("golden_peft", Path(__file__).parent / "peft.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

import torch
from torch import nn
from torch.nn import functional as F

SEED = 20261210


class Bottleneck(nn.Module):
    """Figure 2 of https://arxiv.org/abs/1902.00751, behind the layer that it takes the place of."""

    def __init__(self, layer, size):
        super().__init__()
        self.layer = layer
        self.adapter_down = nn.Linear(layer.out_features, size)
        self.adapter_up = nn.Linear(size, layer.out_features)

    def forward(self, x):
        y = self.layer(x)
        return y + self.adapter_up(F.gelu(self.adapter_down(y)))


def trainable_of(case, model, whole):
    for layer in model.bert.encoder.layer:
        layer.attention.output.dense = Bottleneck(layer.attention.output.dense, case["adapterSize"])
        layer.output.dense = Bottleneck(layer.output.dense, case["adapterSize"])
    for name, parameter in model.named_parameters():
        is_head = any(name.startswith((f"{part}.", f"bert.{part}.")) for part in whole)
        is_norm = "LayerNorm" in name and ".layer." in name
        parameter.requires_grad = is_head or is_norm or ".adapter_" in name
    named = {f"base_model.model.{name}": parameter for name, parameter in model.named_parameters()}
    return model.eval(), {name: parameter for name, parameter in named.items() if parameter.requires_grad}


def cases():
    mean = dict(kind="pooled", pooling="mean", dense=False)
    for task, labels, head, size in [
        ("classification", ["a", "b", "c"], mean, 5),
        ("sequence-labeling", ["O", "B-x", "I-x"], dict(kind="token"), 1),
    ]:
        yield dict(
            name=f"houlsby.{task}",
            task=task,
            labels=labels,
            head=head,
            method="houlsby",
            activation="relu" if size == 1 else "gelu",
            labelSmoothing=0,
            tokens=12,
            lengths=[12, 7, 3],
            adapterSize=size,
        )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    golden.trainable_of = trainable_of
    golden.write_cases("houlsby", cases(), SEED)


if __name__ == "__main__":
    main()
