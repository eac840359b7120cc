"""PyTorch sides of `bench serve`, one thread. Arguments: kind (peft-mixed | dynamic-int8) and a JSON description.

peft-mixed: 32 LoRA adapters over one BertModel, each row with its own (`adapter_names`). dynamic-int8: the base alone,
torch.ao dynamic quantization of every linear layer, no adapters. Answers `go <n>` lines as child.ts describes.
"""
import json
import sys

import torch
from transformers import BertConfig, BertModel

from measured import answer_go

kind, bench = sys.argv[1], json.loads(sys.argv[2])
c = bench["config"]
torch.set_num_threads(1)
torch.manual_seed(1)
model = BertModel(BertConfig(
    vocab_size=c["vocabularySize"], hidden_size=c["hiddenSize"], num_hidden_layers=c["layers"],
    num_attention_heads=c["heads"], intermediate_size=c["intermediateSize"],
    max_position_embeddings=c["maxPositions"], type_vocab_size=c["tokenTypes"],
    layer_norm_eps=c["layerNormEpsilon"], attn_implementation="sdpa"), add_pooling_layer=False).eval()
extra = {}
if kind == "peft-mixed":
    from peft import LoraConfig, get_peft_model
    names = {"q": r"attention\.self\.query", "k": r"attention\.self\.key", "v": r"attention\.self\.value",
             "o": r"attention\.output\.dense", "u": r"intermediate\.dense", "d": r"layer\.\d+\.output\.dense"}
    config = LoraConfig(r=bench["rank"], lora_alpha=16, lora_dropout=0.0, init_lora_weights=False,
                        target_modules=r".*\.(" + "|".join(names[m] for m in bench["modules"]) + r")")
    model = get_peft_model(model, config, adapter_name="a0")
    for i in range(1, bench["adapters"]):
        model.add_adapter(f"a{i}", config)
    model.eval()
    extra = {"adapter_names": [f"a{i % bench['adapters']}" for i in range(bench["batch"])]}
else:
    model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
ids = torch.randint(1000, c["vocabularySize"], (bench["batch"], bench["length"]))
mask = torch.ones_like(ids)
with torch.inference_mode():
    answer_go(lambda: model(input_ids=ids, attention_mask=mask, **extra))
