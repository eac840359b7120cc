"""Writes golden files of every encoder family: a tiny random task model of transformers with PEFT's LoRA on all of its
linear layers, its hidden states, logits, loss and gradients.

    pip install torch transformers peft safetensors        (made with 2.15.0, 5.24.0, 0.21.2; ernie_m with transformers 4.57.6)
    python test/golden/families.py OUT_DIR [FAMILY ...]    (committed: test/golden/families)

Everything runs in float64 on one thread, from parameters that float32 holds exactly; results are stored as float32.
(ModernBERT in float32: its softmax is, where a mask of float64 makes NaN of padding that sees nothing.)
OUT_DIR gets <family>.json (config.json, adapter_config.json and what the batch is) and <family>.safetensors each, and
buckets.json. Transformers 5 has no ernie_m, and transformers 4 nothing that 5 lacks: run that family by itself.
"""

import json
import sys
import tempfile
from pathlib import Path

del sys.path[0]  # Else `import peft` would find the script beside this one.

import torch
import transformers
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

SEED = 20261125
LABELS = 3
LENGTHS = [20, 7, 13]
BERT_LIKE = dict(
    vocab_size=64,
    hidden_size=24,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=40,
    max_position_embeddings=40,
    hidden_act="gelu",
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
ROBERTA_LIKE = dict(**BERT_LIKE, type_vocab_size=1, layer_norm_eps=1e-5, pad_token_id=1)
BERT_MODULES = ["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]


def families():
    """By model_type: prefix of class names, config, names of the adapted layers, modules that train whole."""
    pooled = ["classifier", "pooler"]
    return {
        "bert": ("Bert", {**BERT_LIKE, "type_vocab_size": 2}, BERT_MODULES, pooled),
        "roberta": ("Roberta", ROBERTA_LIKE, BERT_MODULES, ["classifier"]),
        "xlm-roberta": ("XLMRoberta", ROBERTA_LIKE, BERT_MODULES, ["classifier"]),
        "camembert": ("Camembert", {**ROBERTA_LIKE, "pad_token_id": 3}, BERT_MODULES, ["classifier"]),
        "distilbert": (
            "DistilBert",
            dict(
                vocab_size=64,
                dim=24,
                n_layers=2,
                n_heads=2,
                hidden_dim=40,
                max_position_embeddings=40,
                activation="gelu",
                dropout=0.0,
                attention_dropout=0.0,
                seq_classif_dropout=0.0,
            ),
            ["q_lin", "k_lin", "v_lin", "out_lin", "lin1", "lin2"],
            ["pre_classifier", "classifier"],
        ),
        "electra": ("Electra", {**BERT_LIKE, "type_vocab_size": 2, "embedding_size": 16}, BERT_MODULES, ["classifier"]),
        "mpnet": (
            "MPNet",
            {**BERT_LIKE, "layer_norm_eps": 1e-5},
            ["q", "k", "v", "o", "intermediate.dense", "output.dense"],
            ["classifier"],
        ),
        "ernie": (
            "Ernie",
            {**BERT_LIKE, "type_vocab_size": 4, "task_type_vocab_size": 3, "use_task_id": True, "hidden_act": "relu"},
            BERT_MODULES,
            pooled,
        ),
        "ernie_m": ("ErnieM", BERT_LIKE, ["q_proj", "k_proj", "v_proj", "out_proj", "linear1", "linear2"], pooled),
        "modernbert": (
            "ModernBert",
            dict(
                vocab_size=64,
                hidden_size=24,
                num_hidden_layers=3,
                num_attention_heads=2,
                intermediate_size=40,
                max_position_embeddings=40,
                global_attn_every_n_layers=2,
                local_attention=6,
                pad_token_id=0,
                bos_token_id=1,
                eos_token_id=2,
                cls_token_id=1,
                sep_token_id=2,
            ),
            ["Wqkv", "Wi", "Wo"],
            ["classifier"],
        ),
    }


class MeanClassifier(nn.Module):
    """A plain linear head, for the family whose own head has a LayerNorm that an adapter cannot hold."""

    def __init__(self, config, encoder):
        super().__init__()
        self.model = encoder
        self.classifier = nn.Linear(config.hidden_size, LABELS)

    def forward(self, input_ids, attention_mask):
        hidden = self.model(input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask[:, :, None].to(hidden.dtype)
        return self.classifier((hidden * mask).sum(1) / mask.sum(1))


def class_of(name):
    if name.startswith("ErnieM"):
        return getattr(__import__("transformers.models.deprecated.ernie_m", fromlist=[name]), name)
    return getattr(transformers, name)


def model_of(family, prefix, fields):
    config = class_of(f"{prefix}Config")(**fields, num_labels=LABELS)
    config._attn_implementation = "eager"
    if family == "modernbert":
        return config, MeanClassifier(config, class_of("ModernBertModel")(config))
    return config, class_of(f"{prefix}ForSequenceClassification")(config)


def normal(generator, shape, std, mean=0.0):
    """Numbers that float32 holds exactly."""
    return torch.randn(shape, generator=generator, dtype=torch.float32) * std + mean


def batch_of(config, fields, generator):
    """Rows of different lengths. No id is that of padding, from which transformers tells positions."""
    lengths = torch.tensor(LENGTHS)
    rows, tokens = len(LENGTHS), max(LENGTHS)
    places = torch.arange(tokens)[None]
    mask = (places < lengths[:, None]).long()
    batch = {
        "input_ids": torch.randint(5, config.vocab_size, (rows, tokens), generator=generator),
        "attention_mask": mask,
    }
    if fields.get("type_vocab_size", 0) > 1:
        batch["token_type_ids"] = (places * fields["type_vocab_size"] // lengths[:, None]) * mask
    return batch, torch.arange(rows) % LABELS


def write(folder, family, seed):
    prefix, fields, modules, whole = families()[family]
    generator = torch.Generator().manual_seed(seed)
    config, model = model_of(family, prefix, fields)
    encoder_name = "model" if family == "modernbert" else model.base_model_prefix
    for name, parameter in sorted(model.named_parameters()):
        is_gain = "norm" in name.lower() and name.endswith("weight")
        parameter.data = normal(generator, parameter.shape, 0.3, 1.0 if is_gain else 0.0)
    tensors = {
        f"base:{name}": parameter.data.clone()
        for name, parameter in model.named_parameters()
        if name.startswith(f"{encoder_name}.")
    }
    lora = LoraConfig(
        task_type="SEQ_CLS", r=2, lora_alpha=3, lora_dropout=0.0, target_modules=modules, modules_to_save=whole
    )
    if family == "modernbert":
        lora.task_type = None  # Its wrapper wants a transformers model.
    model = get_peft_model(model, lora).eval()
    trainable = {
        name.replace(".modules_to_save.default", "").replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    for name, parameter in sorted(trainable.items()):
        parameter.data = normal(generator, parameter.shape, 0.3)
    state = get_peft_model_state_dict(model)
    assert state.keys() == trainable.keys()
    tensors |= {name: tensor.clone() for name, tensor in state.items()}
    with tempfile.TemporaryDirectory() as directory:
        model.save_pretrained(directory)
        adapter_config = json.loads((Path(directory) / "adapter_config.json").read_text())
    adapter_config |= {"target_modules": modules, "task_type": "SEQ_CLS"}  # A set has no order of its own.

    if family != "modernbert":
        model.double()
    batch, labels = batch_of(config, fields, generator)
    logits = model(**batch)
    logits = getattr(logits, "logits", logits)
    hidden = getattr(model.base_model.model, encoder_name)(**batch).last_hidden_state
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    for name, parameter in trainable.items():
        largest = parameter.grad.abs().max().item()
        assert largest > 1e-4, f"{family}: {name}: a gradient of {largest} proves nothing"
    tensors |= {f"grad:{name}": parameter.grad for name, parameter in trainable.items()}
    tensors |= {name: tensor.int() for name, tensor in batch.items()}
    tensors |= {"hidden": hidden.detach(), "logits": logits.detach(), "loss": loss.detach(), "labels": labels.int()}
    stored = {n: (t if t.dtype == torch.int32 else t.float()).contiguous() for n, t in tensors.items()}
    save_file(stored, folder / f"{family}.safetensors")
    case = {
        "transformers": transformers.__version__,
        "lengths": LENGTHS,
        "config": json.loads(config.to_json_string(use_diff=True)),
        "adapterConfig": adapter_config,
    }
    (folder / f"{family}.json").write_text(json.dumps(case, indent=1) + "\n")
    print(f"{family}: seed {seed}, transformers {transformers.__version__}")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    known = list(families())
    for family in sys.argv[2:] or [name for name in known if name != "ernie_m"]:
        write(folder, family, SEED + known.index(family))
    if not sys.argv[2:]:
        from transformers.models.mpnet.modeling_mpnet import MPNetEncoder

        distances = torch.arange(-600, 601)
        buckets = MPNetEncoder.relative_position_bucket(distances, num_buckets=32).tolist()
        (folder / "buckets.json").write_text(json.dumps({"from": -600, "buckets": buckets}) + "\n")


if __name__ == "__main__":
    main()
