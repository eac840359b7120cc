"""PaddleNLP side of `bench train`: the same step in the same shape. Argument: the JSON of StepBench (step.ts)."""
import json
import sys

import paddle
from paddlenlp.peft import LoRAConfig, LoRAModel
from paddlenlp.transformers import BertConfig, BertModel

from measured import answer_go

bench = json.loads(sys.argv[1])
c = bench["config"]
paddle.set_device("cpu")
paddle.seed(1)
names = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj",
         "o": "self_attn.out_proj", "u": "linear1", "d": "linear2"}
encoder = BertModel(BertConfig(
    vocab_size=c["vocabularySize"], hidden_size=c["hiddenSize"], num_hidden_layers=c["layers"],
    num_attention_heads=c["heads"], intermediate_size=c["intermediateSize"],
    max_position_embeddings=c["maxPositions"], type_vocab_size=max(1, c["tokenTypes"]),
    layer_norm_eps=c["layerNormEpsilon"], hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))
model = LoRAModel(encoder, LoRAConfig(
    r=bench["rank"], lora_alpha=2 * bench["rank"], lora_dropout=0.0,
    target_modules=[rf".*{names[m]}.*" for m in bench["modules"]]))
model.mark_only_lora_as_trainable()
head = paddle.nn.Linear(c["hiddenSize"], bench["labels"])
model.train()
parameters = [p for p in [*model.parameters(), *head.parameters()] if not p.stop_gradient]
optimizer = paddle.optimizer.AdamW(
    1e-4, parameters=parameters, weight_decay=0.01, grad_clip=paddle.nn.ClipGradByGlobalNorm(1.0))
ids = paddle.randint(1000, c["vocabularySize"], [bench["batch"], bench["length"]])
mask = paddle.ones_like(ids)
labels = paddle.arange(bench["batch"]) % bench["labels"]


def step():
    hidden = model(input_ids=ids, attention_mask=mask)[0]
    loss = paddle.nn.functional.cross_entropy(head(hidden.mean(1)), labels)
    loss.backward()
    optimizer.step()
    optimizer.clear_grad()


answer_go(step)
