"""Writes small PEFT directories by PEFT's own save_pretrained, and the logits that PyTorch gives with each.

    pip install torch transformers peft safetensors                  (made with 2.15.0, 5.24.0, 0.21.2)
    PYTHONHASHSEED=0 python test/peft/peft_dirs.py OUT_DIR           (committed: test/peft/golden)
    pip install "transformers==4.49.*" "peft==0.14.*"                (has past_key_values in BertModel: then again, for the prefix)

The encoder is the one of test/golden/peft; OUT_DIR/pooler.safetensors adds the pooler that it lacks. Every directory has,
besides PEFT's files, config.json with the labels and logits.safetensors with a batch and its logits, computed in float64.
PEFT writes target_modules in the order of a set, which the hash seed decides.
"""

import inspect
import json
import sys
from pathlib import Path

del sys.path[0]  # Else `import peft` could find what lies beside this file.

import torch
from peft import IA3Config, LoraConfig, PeftModel, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import BertConfig, BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification, BertModel

SEED = 20261125
BASE = Path(__file__).parent.parent / "golden" / "peft"
TAGS = ["O", "B-x", "I-x"]

# name: model, labels, dtype that is saved, what LoraConfig is told (or another config)
CASES = {
    "pooler-trained": (
        BertForSequenceClassification,
        ["late", "broken", "praise"],
        torch.float32,
        dict(task_type="SEQ_CLS", r=4, lora_alpha=3, target_modules=["query", "value"], use_rslora=True, modules_to_save=["classifier", "pooler"]),
    ),
    "pooler-frozen": (
        BertForSequenceClassification,
        ["no", "yes"],
        torch.float32,
        dict(task_type="SEQ_CLS", r=2, lora_alpha=8, target_modules=["query", "key", "value", "attention.output.dense", "intermediate.dense", "output.dense"]),
    ),
    "one-layer": (
        BertForTokenClassification,
        TAGS,
        torch.float16,
        dict(task_type="TOKEN_CLS", r=3, lora_alpha=6, target_modules=["query", "attention.output.dense"], layers_to_transform=[1]),
    ),
    "pattern": (
        BertForQuestionAnswering,
        ["start", "end"],
        torch.float32,
        dict(task_type="QUESTION_ANS", r=2, lora_alpha=5, target_modules=r"bert\.encoder\.layer\.\d+\.(intermediate|output)\.dense", modules_to_save=["qa_outputs"]),
    ),
    # PEFT's own choice of layers for BERT: key, value and both that end with output.dense.
    "ia3": (BertForTokenClassification, TAGS, torch.float32, dict(task_type="TOKEN_CLS"), IA3Config),
    "prompt": (BertForSequenceClassification, ["no", "yes"], torch.float32, dict(task_type="SEQ_CLS", num_virtual_tokens=4), PromptTuningConfig),
}
OLDER = {
    "prefix": (BertForSequenceClassification, ["no", "yes"], torch.float32, dict(task_type="SEQ_CLS", num_virtual_tokens=3), PrefixTuningConfig),
}
if "past_key_values" in inspect.signature(BertModel.forward).parameters:
    CASES = OLDER


def normal(generator, shape, std=0.3):
    """Numbers that float16 holds exactly."""
    return (torch.randn(shape, generator=generator, dtype=torch.float32) * std).half().float()


def batch_of(config, generator):
    lengths = torch.tensor([11, 4, 7])
    places = torch.arange(11)[None]
    mask = (places < lengths[:, None]).long()
    ids = torch.randint(0, config.vocab_size, (3, 11), generator=generator)
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": (places >= lengths[:, None] // 2).long() * mask}


def write(folder, name, base, generator):
    kind, labels, dtype, options, *other = CASES[name]
    make = other[0] if other else LoraConfig
    config = BertConfig.from_pretrained(BASE, attn_implementation="eager")
    config.id2label = dict(enumerate(labels))
    config.label2id = {label: i for i, label in enumerate(labels)}
    model = kind(config)
    lacking = model.bert.load_state_dict(base, strict=False).missing_keys
    assert not lacking, lacking
    model = get_peft_model(model, make(**options)).eval()
    for which, parameter in sorted(model.named_parameters()):
        if parameter.requires_grad:
            parameter.data = normal(generator, parameter.shape) + ("ia3_l" in which)
    model.to(dtype).save_pretrained(folder)
    (folder / "README.md").unlink()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "id2label": config.id2label}, indent=2) + "\n")
    # float16 would have rounded the base as well: what was saved goes onto the exact base.
    exact = kind(config)
    exact.bert.load_state_dict(base, strict=False)
    exact = PeftModel.from_pretrained(exact, folder).double().eval()
    batch = batch_of(config, generator)
    # Not through PEFT's wrapper: the one of QUESTION_ANS takes token_type_ids and does not pass them on.
    output = (exact if make in (PromptTuningConfig, PrefixTuningConfig) else exact.get_base_model())(**batch)
    logits = torch.stack([output.start_logits, output.end_logits], 2) if "start_logits" in output else output.logits
    tensors = {key: value.int() for key, value in batch.items()}
    save_file({**tensors, "logits": logits.float().contiguous()}, folder / "logits.safetensors")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    generator = torch.Generator().manual_seed(SEED)
    pooler = {"pooler.dense.weight": normal(generator, (32, 32)), "pooler.dense.bias": normal(generator, (32,))}
    save_file(pooler, folder / "pooler.safetensors")
    base = {**load_file(BASE / "model.safetensors"), **pooler}
    for name in CASES:
        write(folder / name, name, base, generator)


if __name__ == "__main__":
    main()
