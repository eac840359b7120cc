"""PyTorch + PEFT side of `bench train` and `bench gpu`: the same step in the same shape. Argument: the JSON of StepBench (step.ts)."""
import json
import sys

import torch
from peft import LoraConfig, get_peft_model
from transformers import BertConfig, BertModel

from measured import answer_go

bench = json.loads(sys.argv[1])
c = bench["config"]
torch.set_num_threads(bench["threads"])
torch.manual_seed(1)
device = bench.get("device", "cpu")
bf16 = bench.get("products") == "bf16"
torch.set_float32_matmul_precision("high" if bench.get("tf32", True) else "highest")
names = {"q": r"attention\.self\.query", "k": r"attention\.self\.key", "v": r"attention\.self\.value",
         "o": r"attention\.output\.dense", "u": r"intermediate\.dense", "d": r"layer\.\d+\.output\.dense"}
model = BertModel(BertConfig(
    vocab_size=c["vocabularySize"], hidden_size=c["hiddenSize"], num_hidden_layers=c["layers"],
    num_attention_heads=c["heads"], intermediate_size=c["intermediateSize"],
    max_position_embeddings=c["maxPositions"], type_vocab_size=max(1, c["tokenTypes"]),
    layer_norm_eps=c["layerNormEpsilon"], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    attn_implementation="sdpa"), add_pooling_layer=False)
targets = r".*\.(" + "|".join(names[m] for m in bench["modules"]) + r")"
model = get_peft_model(model, LoraConfig(
    r=bench["rank"], lora_alpha=2 * bench["rank"], lora_dropout=0.0, target_modules=targets))
head = torch.nn.Linear(c["hiddenSize"], bench["labels"]).to(device)
model.to(device)
model.train()
parameters = [p for p in [*model.parameters(), *head.parameters()] if p.requires_grad]
optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0.01)
ids = torch.randint(1000, c["vocabularySize"], (bench["batch"], bench["length"]), device=device)
mask = torch.ones_like(ids)
labels = torch.arange(bench["batch"], device=device) % bench["labels"]


def step():
    with torch.autocast(device, torch.bfloat16, enabled=bf16):
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        loss = torch.nn.functional.cross_entropy(head(hidden.mean(1)), labels)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters, 1.0)
    optimizer.step()
    optimizer.zero_grad()
    if device == "cuda":
        torch.cuda.synchronize()


answer_go(step)
