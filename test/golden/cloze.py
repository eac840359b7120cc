"""Writes golden files of masked-language heads: transformers' BertForMaskedLM and RobertaForMaskedLM with random weights.

    pip install torch transformers safetensors    (made with 2.15.0, 5.24.0)
    python test/golden/cloze.py OUT_DIR           (committed: test/golden/cloze)

OUT_DIR gets, for each family, <family>.safetensors, the checkpoint as `save_pretrained` writes it, and <family>.json: its
config, rows of tokens, where each has its mask, words, and the logits of those words there, computed in float64.
"""

import json
import sys
from pathlib import Path

import torch
from transformers import BertConfig, BertForMaskedLM, RobertaConfig, RobertaForMaskedLM

SEED = 20261213
SHAPE = dict(
    vocab_size=64,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=32,
    type_vocab_size=1,
    attn_implementation="eager",
)
FAMILIES = {
    # What the transform of BERT is activated by is the encoder's own, that of RoBERTa is always gelu.
    "bert": (BertConfig(**SHAPE, hidden_act="relu"), BertForMaskedLM),
    "roberta": (RobertaConfig(**SHAPE, hidden_act="relu", pad_token_id=1), RobertaForMaskedLM),
}
ROWS = [([2, 9, 33, 41, 4, 17, 3], -3), ([2, 4, 8, 3], 1), ([2, 50, 51, 52, 53, 54, 55, 56, 4, 3], -2)]
WORDS = [40, 12, 63]


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    for i, (family, (config, model_class)) in enumerate(FAMILIES.items()):
        torch.manual_seed(SEED + i)
        model = model_class(config).eval()
        for name, parameter in model.named_parameters():
            gain = 1.0 if "norm.weight" in name.lower() else 0.0
            parameter.data = torch.randn(parameter.shape) * 0.3 + gain
        part = folder / "part"
        model.save_pretrained(part)
        (part / "model.safetensors").replace(folder / f"{family}.safetensors")
        stored = json.loads((part / "config.json").read_text())
        for file in part.iterdir():
            file.unlink()
        part.rmdir()
        model.double()
        cases = []
        for ids, place in ROWS:
            logits = model(torch.tensor([ids])).logits[0, place, WORDS]
            cases.append(dict(ids=ids, place=place, logits=logits.tolist()))
        text = json.dumps(dict(config=stored, words=WORDS, cases=cases), indent=1)
        (folder / f"{family}.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
