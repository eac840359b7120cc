"""Writes golden files of one training step: PEFT's methods on random BERT models, their logits, loss and every gradient.

    pip install torch transformers peft safetensors    (made with 2.15.0, 5.24.0, 0.21.2)
    python test/golden/peft.py OUT_DIR                 (committed: test/golden/peft)

Everything runs in float64 on one thread, from parameters that float32 holds exactly; results are stored as float32.
OUT_DIR gets the encoder (config.json, model.safetensors), cases.json and one <case>.safetensors a case.
"""

import json
import re
import sys
from pathlib import Path

del sys.path[0]  # Else `import peft` would find this file.

import torch
from peft import IA3Config, LoraConfig, PromptTuningConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig, BertForQuestionAnswering, BertForSequenceClassification, BertForTokenClassification, BertModel

SEED = 20261124
CONFIG = dict(
    vocab_size=64,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=32,
    type_vocab_size=2,
    layer_norm_eps=1e-12,
    hidden_act="gelu",
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
PATHS = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "o": "attention.output.dense",
    "u": "intermediate.dense",
    "d": "output.dense",
}
PROBLEMS = {
    "single-label": "single_label_classification",
    "multi-label": "multi_label_classification",
    "regression": "regression",
}
IGNORED = -100  # As in transformers: a token without a label.


class PooledClassifier(nn.Module):
    """The heads that transformers' BertForSequenceClassification lacks: mean pooling, and pooling without tanh layer."""

    def __init__(self, config, pooling, has_pooler):
        super().__init__()
        self.config, self.device = config, torch.device("cpu")  # PEFT asks for both.
        self.pooling = pooling
        self.bert = BertModel(config, add_pooling_layer=has_pooler)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(self, input_ids=None, attention_mask=None, token_type_ids=None, inputs_embeds=None, **_):
        inputs = dict(attention_mask=attention_mask, token_type_ids=token_type_ids, inputs_embeds=inputs_embeds)
        hidden = self.bert(input_ids, **inputs).last_hidden_state
        mask = attention_mask[:, :, None].to(hidden.dtype)
        pooled = (hidden * mask).sum(1) / mask.sum(1) if self.pooling == "mean" else hidden[:, 0]
        if self.bert.pooler is not None:
            pooled = self.bert.pooler(pooled[:, None])  # BertPooler takes the first of the tokens it is given.
        return self.classifier(pooled)


def model_of(case):
    """The bare task model, and the names of its modules that train whole."""
    labels = len(case["labels"])
    problem = {"problem_type": PROBLEMS[case["problem"]]} if "problem" in case else {}
    config = BertConfig(**{**CONFIG, "hidden_act": case["activation"]}, num_labels=labels, attn_implementation="eager", **problem)
    if case["task"] == "question-answering":
        return BertForQuestionAnswering(config), ["qa_outputs"]
    if case["task"] == "sequence-labeling":
        return BertForTokenClassification(config), ["classifier"]
    head = case["head"]
    whole = ["classifier", "pooler"] if head["dense"] else ["classifier"]
    if head == {"kind": "pooled", "pooling": "cls", "dense": True}:
        return BertForSequenceClassification(config), whole
    return PooledClassifier(config, head["pooling"], head["dense"]), whole


def normal(generator, shape, std, mean=0.0):
    """Numbers that float32 holds exactly."""
    return torch.randn(shape, generator=generator, dtype=torch.float32) * std + mean


def base_weights():
    """Nothing degenerate: LayerNorm gains around 1, everything else around 0."""
    generator = torch.Generator().manual_seed(SEED)
    state = BertModel(BertConfig(**CONFIG), add_pooling_layer=False).state_dict()
    gain = lambda name: 1.0 if name.endswith("LayerNorm.weight") else 0.0
    return {name: normal(generator, tensor.shape, 0.3, gain(name)) for name, tensor in state.items()}


def batch_of(case, generator):
    """Rows of different lengths; the second part of a row has token type 1. Padding holds arbitrary ids."""
    lengths = torch.tensor(case["lengths"])
    rows, tokens = len(lengths), case["tokens"]
    places = torch.arange(tokens)[None]
    draw = lambda high: torch.randint(0, high, (rows, tokens), generator=generator)
    mask = (places < lengths[:, None]).long()
    batch = {
        "input_ids": draw(CONFIG["vocab_size"]),
        "attention_mask": mask,
        "token_type_ids": ((places >= lengths[:, None] // 2).long() * mask),
    }
    problem = case.get("problem")
    if problem == "multi-label":
        labels = torch.randint(0, 2, (rows, len(case["labels"])), generator=generator)
    elif problem == "regression":
        labels = normal(generator, (rows,), 2, 1)
    elif case["task"] == "classification":
        labels = torch.arange(rows) % len(case["labels"])
    elif case["task"] == "sequence-labeling":
        labels = draw(len(case["labels"]))
        labels[(mask == 0) | (places == 0) | (draw(4) == 0)] = IGNORED
    else:
        first = torch.tensor([torch.randint(0, n, (), generator=generator) for n in case["lengths"]])
        last = torch.tensor([torch.randint(f, n, (), generator=generator) for f, n in zip(first.tolist(), case["lengths"])])
        labels = torch.stack([first, last], 1)
    return batch, labels


def loss_of(case, logits, labels, mask):
    if case["task"] == "question-answering":
        masked = logits + (1 - mask[:, :, None].to(logits.dtype)) * -1e9
        return (F.cross_entropy(masked[:, :, 0], labels[:, 0]) + F.cross_entropy(masked[:, :, 1], labels[:, 1])) / 2
    smoothing = case["labelSmoothing"]
    weight = torch.tensor(case["classWeights"], dtype=logits.dtype) if "classWeights" in case else None
    if case.get("problem") == "regression":
        return F.mse_loss(logits[:, 0], labels.to(logits.dtype))
    if case.get("problem") == "multi-label":
        targets = labels * (1 - smoothing) + smoothing / 2
        return F.binary_cross_entropy_with_logits(logits, targets.to(logits.dtype), pos_weight=weight)
    flat = logits.reshape(-1, len(case["labels"]))
    return F.cross_entropy(flat, labels.reshape(-1), weight=weight, ignore_index=IGNORED, label_smoothing=smoothing)


TASK_TYPES = {"classification": "SEQ_CLS", "sequence-labeling": "TOKEN_CLS", "question-answering": "QUESTION_ANS"}


def own_names(base):
    """Names under which tensors of the encoder are recorded where they are trained themselves."""
    return {f"base_model.model.bert.{name}" for name in base}


def trainable_of(case, model, whole):
    """The model as the method adapts it, and what it trains by the names of PEFT's state dict."""
    method = case.get("method", "lora")
    # No gradient goes to the row of padding, but here its id stands for a token as well.
    model.bert.embeddings.word_embeddings.padding_idx = None
    if method in ("full", "bitfit"):
        for name, parameter in model.named_parameters():
            is_head = any(name.startswith((f"{part}.", f"bert.{part}.")) for part in whole)
            parameter.requires_grad = is_head or method == "full" or name.endswith(".bias")
        named = {f"base_model.model.{name}": parameter for name, parameter in model.named_parameters()}
        return model.eval(), {name: parameter for name, parameter in named.items() if parameter.requires_grad}
    if method == "prompt":
        config = PromptTuningConfig(task_type=TASK_TYPES[case["task"]], num_virtual_tokens=case["virtual"], modules_to_save=whole)
        return virtual_trainable(get_peft_model(model, config).eval())
    paths = lambda modules: rf"bert\.encoder\.layer\.\d+\.({'|'.join(re.escape(PATHS[module]) for module in modules)})"
    if method == "ia3":
        modules = "".join(case["targetModules"])
        config = IA3Config(target_modules=paths(modules), feedforward_modules=paths([m for m in modules if m in "od"]), modules_to_save=whole)
    else:
        config = LoraConfig(
            r=case["rank"],
            lora_alpha=case["alpha"],
            lora_dropout=0.0,
            use_dora=method == "dora",
            use_rslora=case.get("rsLora", False),
            target_modules=paths(case["targetModules"]),
            modules_to_save=whole,
        )
    model = get_peft_model(model, config).eval()
    trainable = {
        name.replace(".modules_to_save.default", "").replace("lora_magnitude_vector.default.weight", "lora_magnitude_vector").replace(".default", ""): parameter
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
    state = get_peft_model_state_dict(model)
    assert state.keys() == trainable.keys() and all(torch.equal(state[n], p.data) for n, p in trainable.items())
    return model, trainable


def virtual_trainable(model):
    """The same for prompts and prefixes. PEFT's models for them have no `model` in the names of their heads."""
    named = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    vectors = named.pop("prompt_encoder.default.embedding.weight")
    heads = {name.replace(".modules_to_save.default", "").replace("base_model.", "base_model.model.", 1): parameter for name, parameter in named.items()}
    state = {name.replace("base_model.", "base_model.model.", 1): tensor for name, tensor in get_peft_model_state_dict(model).items()}
    assert {"prompt_embeddings"} < state.keys() <= {"prompt_embeddings", *heads}
    return model, {"prompt_embeddings": vectors, **heads}


def outputs_of(case, model, batch):
    """PEFT's model for QUESTION_ANS drops token types, so there the prompt is laid before the words as PEFT does elsewhere."""
    if case.get("method") != "prompt" or case["task"] != "question-answering":
        return model(**batch)
    rows, virtual = len(batch["input_ids"]), case["virtual"]
    before = lambda value, name: torch.cat([torch.full((rows, virtual), value), batch[name]], 1)
    words = torch.cat([model.get_prompt(batch_size=rows), model.word_embeddings(batch["input_ids"])], 1)
    return model.base_model(inputs_embeds=words, attention_mask=before(1, "attention_mask"), token_type_ids=before(0, "token_type_ids"))


def step(case, base, generator):
    """One forward and backward pass. `base` holds the encoder's weights."""
    model, whole = model_of(case)
    model.bert.load_state_dict(base, strict=False)
    model, trainable = trainable_of(case, model, whole)
    drawn = {name: parameter for name, parameter in trainable.items() if name not in own_names(base)}
    for name, parameter in sorted(drawn.items()):
        parameter.data = normal(generator, parameter.shape, 0.3, 1.0 if name.endswith(("ia3_l", "magnitude_vector")) else 0.0)
    tensors = {name: parameter.data.clone() for name, parameter in drawn.items()}

    model.double()
    batch, labels = batch_of(case, generator)
    output = outputs_of(case, model, batch)
    if case["task"] == "question-answering":
        logits = torch.stack([output.start_logits, output.end_logits], 2)
    else:
        logits = getattr(output, "logits", output)
    # A prompt's own places have logits of tokens, too, which teach nothing.
    own = logits[:, case.get("virtual", 0) :] if case.get("method") == "prompt" and logits.dim() == 3 else logits
    loss = loss_of(case, own, labels, batch["attention_mask"])
    if hasattr(output, "logits") and own is logits and case["labelSmoothing"] == 0 and "classWeights" not in case:
        given = labels.double() if case.get("problem") in ("multi-label", "regression") else labels
        assert torch.equal(loss, model(**batch, labels=given).loss)
    loss.backward()
    tensors |= {f"grad:{name}": parameter.grad for name, parameter in trainable.items()}
    for name, parameter in trainable.items():
        # Softmax over positions does not see qa_outputs.bias, nor that over keys their bias: their gradients are zero.
        largest = parameter.grad.abs().max().item()
        assert largest > 1e-4 or name.endswith(("qa_outputs.bias", "key.bias")), f"{case['name']}: {name}: a gradient of {largest} proves nothing"
    tensors |= {name: tensor.int() for name, tensor in batch.items()}
    whole_numbers = labels if labels.is_floating_point() else labels.int()
    tensors |= {"labels": whole_numbers, "logits": logits.detach(), "loss": loss.detach()}
    return tensors


def cases():
    """Three tasks by four sets of modules by two ranks; all four pooled heads, both activations, label smoothing. Then the
    other problems of classification, class weights, prompts, and IA3 as PEFT has it for BERT by default."""
    tasks = {
        "classification": ["a", "b", "c"],
        "sequence-labeling": ["O", "B-x", "I-x", "B-y", "I-y"],
        "question-answering": ["start", "end"],
    }
    kinds = [("mean", False), ("cls", True), ("mean", True), ("cls", False)]
    pooled = [dict(kind="pooled", pooling=p, dense=d) for p, d in kinds]
    batches = [(12, [12, 7, 3]), (9, [4, 8]), (17, [1, 17, 9, 16])]
    made = []
    for task, labels in tasks.items():
        for i, modules in enumerate(["qv", "qkvo", "qkvoud", "d"]):
            for j, (rank, alpha) in enumerate([(2, 3), (4, 8)]):
                head = pooled[(i + j) % 4] if task == "classification" else dict(kind="token")
                kind = f".{head['pooling']}{'-dense' if head['dense'] else ''}" if "pooling" in head else ""
                tokens, lengths = batches[len(made) % 3]
                made.append(
                    dict(
                        name=f"{task}.{modules}.r{rank}{kind}",
                        task=task,
                        labels=labels,
                        head=head,
                        rank=rank,
                        alpha=alpha,
                        targetModules=list(modules),
                        activation="relu" if len(made) % 4 == 3 else "gelu",
                        labelSmoothing=0.1 if task != "question-answering" and len(made) % 5 == 2 else 0,
                        tokens=tokens,
                        lengths=lengths,
                    )
                )
    mean, dense = [dict(kind="pooled", pooling="mean", dense=dense) for dense in (False, True)]
    token = dict(kind="token")
    others = [
        ("lora", "classification", mean, dict(rank=4, alpha=6, rsLora=True, targetModules=["q", "d"])),
        ("dora", "classification", dense, dict(rank=2, alpha=3, targetModules=["q", "v"])),
        ("dora", "sequence-labeling", token, dict(rank=4, alpha=8, targetModules=["k", "o", "u", "d"])),
        ("ia3", "classification", mean, dict(targetModules=["k", "v", "d"])),
        ("ia3", "question-answering", token, dict(targetModules=["k", "v", "d"])),
        ("bitfit", "classification", dense, {}),
        ("bitfit", "sequence-labeling", token, {}),
        ("full", "classification", dense, {}),
        ("full", "sequence-labeling", token, {}),
    ]
    for method, task, head, settings in others:
        tokens, lengths = batches[len(made) % 3]
        rest = dict(activation="relu" if len(made) % 4 == 3 else "gelu", labelSmoothing=0, tokens=tokens, lengths=lengths)
        name = f"{'rslora' if settings.get('rsLora') else method}.{task}"
        made.append(dict(name=name, task=task, labels=tasks[task], head=head, method=method, **settings, **rest))
    plain = dict(head=pooled[1], rank=2, alpha=3, targetModules=["q", "v"], activation="gelu", labelSmoothing=0, tokens=12, lengths=[12, 7, 3, 5])
    multi = dict(task="classification", problem="multi-label", labels=["a", "b", "c", "d"])
    weights = dict(classWeights=[0.25, 3.0, 1.5, 0.5])
    made += [
        plain | multi | dict(name="multi-label"),
        plain | multi | weights | dict(name="multi-label.weighted", labelSmoothing=0.2, head=pooled[0]),
        plain | dict(name="regression", task="classification", problem="regression", labels=["LABEL_0"]),
        plain | weights | dict(name="single-label.weighted", task="classification", problem="single-label", labels=["a", "b", "c", "d"], labelSmoothing=0.1),
        plain | weights | dict(name="sequence-labeling.weighted", task="sequence-labeling", labels=["O", "B-x", "I-x", "B-y"], head=dict(kind="token")),
    ]
    virtual = dict(method="prompt", activation="gelu", labelSmoothing=0, tokens=12, lengths=[12, 7, 3])
    made += [
        virtual | dict(name="prompt.classification", task="classification", labels=tasks["classification"], head=pooled[1], virtual=5),
        virtual | dict(name="prompt.classification.mean", task="classification", labels=tasks["classification"], head=pooled[0], virtual=1),
        virtual | dict(name="prompt.sequence-labeling", task="sequence-labeling", labels=tasks["sequence-labeling"], head=token, virtual=8),
        virtual | dict(name="prompt.question-answering", task="question-answering", labels=tasks["question-answering"], head=token, virtual=3),
        virtual | dict(name="ia3.sequence-labeling", task="sequence-labeling", labels=tasks["sequence-labeling"], head=token, method="ia3", targetModules=["k", "v", "o", "d"]),
    ]
    return made


def write(folder, base, case, generator):
    tensors = step(case, base, generator)
    stored = {n: (t if t.dtype == torch.int32 else t.float()).contiguous() for n, t in tensors.items()}
    save_file(stored, folder / f"{case['name']}.safetensors")


def write_cases(name, cases, seed, before=lambda case: None):
    """For scripts beside this one: <case>.safetensors of each case over the base that is there, and <name>.json."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    folder = Path(sys.argv[1])
    base = load_file(folder / "model.safetensors")
    made = list(cases)
    for i, case in enumerate(made):
        before(case)
        write(folder, base, case, torch.Generator().manual_seed(seed + i))
    lines = ",\n".join("  " + json.dumps(case) for case in made)
    (folder / f"{name}.json").write_text(f"[\n{lines}\n]\n")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    base = base_weights()
    save_file(base, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **CONFIG}, indent=2) + "\n")
    made = cases()
    for i, case in enumerate(made):
        write(folder, base, case, torch.Generator().manual_seed(SEED + i + 1))
        print(f"{case['name']}: seed {SEED + i + 1}")
    lines = ",\n".join("  " + json.dumps(case) for case in made)
    (folder / "cases.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
