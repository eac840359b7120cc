"""Writes golden files of one training step with dropout: as peft.py, with masks in place of PyTorch's own random ones.

    pip install torch transformers peft safetensors    (made with 2.15.0, 5.24.0, 0.21.2)
    python test/golden/dropout.py OUT_DIR              (committed: test/golden/peft; needs peft.py's model.safetensors there)

Masks are murmur3's finalizer over a key and the element's index, written here in NumPy from its publication
(https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp). Which places drop, and in which order, is
transformers' doing: every call of torch.nn.functional.dropout takes the next key.
OUT_DIR gets dropout.json and one <case>.safetensors a case.
"""

import importlib.util
import sys
from pathlib import Path

import numpy as np

spec = importlib.util.spec_from_file_location("golden_peft", Path(__file__).parent / "peft.py")
golden = importlib.util.module_from_spec(spec)
spec.loader.exec_module(golden)

import torch

SEED = 20261127
HIDDEN, ATTENTION = 0.25, 0.5  # Steps of 2^-16, so that no rounding of the rate is at play.


def mask(key, shape, rate):
    h = np.arange(int(np.prod(shape)), dtype=np.uint32) + np.uint32(0x7F4A7C15)
    h = (h * np.uint32(0xCC9E2D51) ^ np.uint32(key)) * np.uint32(0x1B873593)
    h ^= h >> np.uint32(16)
    h *= np.uint32(0x85EBCA6B)
    h ^= h >> np.uint32(13)
    h *= np.uint32(0xC2B2AE35)
    h ^= h >> np.uint32(16)
    kept = h >= np.uint32(rate * 2**32)
    return torch.from_numpy(kept.reshape(shape)).double() / (1 - rate)


def with_masks(keys, sites):
    """A dropout that drops in evaluation as well; attention probabilities are its only input of four dimensions."""
    calls = 0

    def dropout(x, *_, **__):
        nonlocal calls
        key = keys[calls % sites]
        calls += 1
        return x * mask(key, tuple(x.shape), ATTENTION if x.dim() == 4 else HIDDEN)

    return dropout


def cases():
    token = dict(kind="token")
    pooled = dict(kind="pooled", pooling="cls", dense=True)
    layers = golden.CONFIG["num_hidden_layers"]
    tasks = [
        ("classification", ["a", "b", "c"], pooled, 1),
        ("sequence-labeling", ["O", "B-x", "I-x"], token, 1),
        ("question-answering", ["start", "end"], token, 0),
    ]
    for i, (task, labels, head, before_head) in enumerate(tasks):
        sites = 1 + 3 * layers + before_head
        generator = np.random.default_rng(SEED + i)
        yield dict(
            name=f"dropout.{task}",
            task=task,
            labels=labels,
            head=head,
            rank=2,
            alpha=3,
            targetModules=list("qkvoud"),
            activation="gelu",
            labelSmoothing=0,
            tokens=9,
            lengths=[9, 4, 7],
            dropout=dict(hidden=HIDDEN, attention=ATTENTION),
            keys=[int(key) for key in generator.integers(0, 2**32, sites)],
        )


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)

    def mask(case):
        torch.nn.functional.dropout = with_masks(case["keys"], len(case["keys"]))

    golden.write_cases("dropout", cases(), SEED, before=mask)


if __name__ == "__main__":
    main()
