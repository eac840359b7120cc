"""Writes tiny random models with PEFT adapters, and what the transformers pipelines answer with them.

    pip install torch "transformers==4.57.*" peft safetensors        (made with 2.15.0, 4.57.6, 0.21.2; tokenizers 0.22.2)
    PYTHONHASHSEED=0 python test/golden/pipelines.py OUT_DIR         (committed: test/golden/pipelines)

4.57, because transformers 5 has no question-answering pipeline any more; its text and token classification are the same.
OUT_DIR/wordpiece and OUT_DIR/unigram are bases (one encoder, two tokenizers), OUT_DIR/<adapter> what PEFT saved, and
answers.json the requests with the pipelines' answers.
"""

import json
import shutil
import sys
from pathlib import Path

del sys.path[0]  # Else `import peft` could find what lies beside this file.

import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

SEED = 20261125
LENGTH = 32
POSITIONS = 64
CLASSES = ["late", "broken", "praise", "other"]
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHARACTERS = list("abcdefghijklmnopqrstuvwxyz.,?!-'")
PIECES = "the in mara jonas lis ##bon os ##lo par ##cel liv ##es work ##s ##ed ##ing who where is ##an ##er".split()

# inputs by name; `long` makes several windows
INPUTS = {
    "sentences": [
        "Mara lives in Lisbon, and Jonas works in Oslo.",
        "The parcel's here!",
        "😀 hi José, who's in São Paulo? 东京",
        "the the",
        "a🚀b Zoë Müller-Sánchez. Oslo...",
    ],
    "sentence": "Jonas",
    "pair": {"text": "Mara lives in Lisbon.", "text_pair": "The parcel's here!"},
    "long": "Mara lives in Lisbon. Jonas worked in Oslo, where the parcel is. Who's in São Paulo? Zoë Müller-Sánchez, and Mara.",
    "question": {"question": "Where is Mara?", "context": "Mara lives in Lisbon, and Jonas works in Oslo."},
    "emoji question": {"question": "who", "context": "😀 José-María is in São Paulo. 东京"},
}
INPUTS["unanswered question"] = {"question": "is the parcel late?", "context": "Mara"}
INPUTS["long question"] = {"question": "Where is Mara?", "context": INPUTS["long"]}

NAMES = {"classification": "text-classification", "sequence-labeling": "token-classification", "question-answering": "question-answering"}
ADAPTERS = {
    "classification": (BertForSequenceClassification, CLASSES, dict(task_type="SEQ_CLS", r=2, lora_alpha=4, target_modules=["query", "value"], modules_to_save=["classifier", "pooler"])),
    "sequence-labeling": (BertForTokenClassification, TAGS, dict(task_type="TOKEN_CLS", r=2, lora_alpha=4, target_modules=["query", "value"])),
    "question-answering": (BertForQuestionAnswering, ["start", "end"], dict(r=2, lora_alpha=4, target_modules=["query", "value"], modules_to_save=["qa_outputs"])),
}

def cases():
    """Task, base, name of the inputs, parameters."""
    for parameters in [{}, {"top_k": 2}, {"top_k": None, "function_to_apply": "sigmoid"}, {"top_k": 3, "function_to_apply": "none"}]:
        for name in ["sentences", "sentence", "pair"]:
            yield "classification", "wordpiece", name, parameters
    for base in ["wordpiece", "unigram"]:
        for strategy in ["none", "simple", "first", "average", "max"]:
            yield "sequence-labeling", base, "sentences", {"aggregation_strategy": strategy}
            yield "sequence-labeling", base, "sentence", {"aggregation_strategy": strategy, "ignore_labels": []}
            if strategy != "none":
                yield "sequence-labeling", base, "long", {"aggregation_strategy": strategy, "stride": 4}
        yield "sequence-labeling", base, "sentences", {"aggregation_strategy": "none", "ignore_labels": ["O", "I-LOC", "B-LOC", "PER"]}
        yield "sequence-labeling", base, "sentences", {"aggregation_strategy": "first", "ignore_labels": ["B-PER", "LOC"]}
        yield "sequence-labeling", base, "long", {"aggregation_strategy": "simple", "stride": 0}
        yield "sequence-labeling", base, "long", {"aggregation_strategy": "average", "stride": 12}
        windows = {"max_seq_len": 48, "doc_stride": 8}
        for name in ["question", "emoji question", "long question"]:
            for more in [{}, {"align_to_words": False}, {"top_k": 3}]:
                yield "question-answering", base, name, {**windows, **more}
            for more in [{"top_k": 3, "align_to_words": False}, {"max_answer_len": 2, "top_k": 4}]:
                yield "question-answering", base, name, {**windows, "handle_impossible_answer": True, **more}
        for impossible in [False, True]:
            yield "question-answering", base, "unanswered question", {"handle_impossible_answer": impossible}


def normal(generator, shape, std):
    """Numbers that float16 holds exactly."""
    return (torch.randn(shape, generator=generator, dtype=torch.float32) * std).half().float()


def tokenizers():
    vocabulary = dict.fromkeys([*SPECIAL, *CHARACTERS, *("##" + c for c in CHARACTERS), *PIECES])
    wordpiece = Tokenizer(models.WordPiece({piece: i for i, piece in enumerate(vocabulary)}, unk_token="[UNK]"))
    wordpiece.normalizer = normalizers.BertNormalizer(lowercase=True)
    wordpiece.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    wordpiece.decoder = decoders.WordPiece()
    starts = [p if p.startswith("##") else "▁" + p for p in PIECES]
    plain = [*CHARACTERS, *"JLMOSWTZéóãöüá", "▁", *(p.removeprefix("##") for p in starts), "▁Mara", "▁Jonas", "▁Lis", "▁Os"]
    pieces = [(piece, 0.0) for piece in SPECIAL] + [(piece, -8.0 + len(piece) * 0.9 - i / 100) for i, piece in enumerate(dict.fromkeys(plain))]
    unigram = Tokenizer(models.Unigram(pieces, unk_id=1))
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unigram.decoder = decoders.Metaspace()
    for made in (wordpiece, unigram):
        made.add_special_tokens(SPECIAL)
        made.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
    return {"wordpiece": wordpiece, "unigram": unigram}


def write_bases(folder, made, generator):
    config = dict(vocab_size=max(t.get_vocab_size() for t in made.values()), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, max_position_embeddings=POSITIONS, type_vocab_size=2, layer_norm_eps=1e-12, hidden_act="gelu")
    encoder = BertForSequenceClassification(BertConfig(**config)).bert
    weights = {}
    for name, parameter in sorted(encoder.named_parameters()):
        gain = 1 if name.endswith("LayerNorm.weight") else 0
        weights[name] = gain + normal(generator, parameter.shape, 0.4)
    for name, tokenizer in made.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        (folder / name / "config.json").write_text(json.dumps({"model_type": "bert", **config}, indent=2) + "\n")
        tokenizer.save(str(folder / name / "tokenizer.json"), pretty=False)
    save_file(weights, folder / "model.safetensors")
    return config, weights


def adapter(folder, task, config, weights, generator, made):
    kind, labels, options = ADAPTERS[task]
    config = BertConfig(**config, id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})
    model = kind(config)
    model.bert.load_state_dict(weights, strict=False)
    model = get_peft_model(model, LoraConfig(**options)).eval()
    for name, parameter in sorted(model.named_parameters()):
        if parameter.requires_grad:
            std = 0 if name.endswith("bias") else 0.3 if "lora" in name or "pooler" in name else 1.5
            parameter.data = normal(generator, parameter.shape, std)
    if task == "sequence-labeling":
        # Every tag about as often as the others.
        encoded = [made(text, return_tensors="pt", truncation=True) for text in [*INPUTS["sentences"], INPUTS["long"]]]
        with torch.no_grad():
            logits = torch.cat([model(**each).logits[0] for each in encoded])
            model.get_base_model().classifier.modules_to_save["default"].bias.data -= logits.mean(0).half().float()
    model.save_pretrained(folder / task)
    (folder / task / "README.md").unlink(missing_ok=True)
    (folder / task / "config.json").write_text(json.dumps({"model_type": "bert", "id2label": config.id2label}, indent=2) + "\n")
    return model.merge_and_unload().eval()


def check_margins(task, answer):
    """Refuses scores of one list that are so close that their order could be another in other arithmetic."""
    ranked = answer if task == "classification" else [answer] if task == "question-answering" and isinstance(answer, list) else []
    for one in ranked:
        scores = [each["score"] for each in one]
        assert all(a - b > 1e-5 for a, b in zip(scores, scores[1:])), one


def rounded(answer):
    if isinstance(answer, list):
        return [rounded(each) for each in answer]
    return {key: round(float(value), 6) if key == "score" else value for key, value in answer.items()}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    generator = torch.Generator().manual_seed(SEED)
    made = tokenizers()
    config, weights = write_bases(folder, made, generator)
    fast = {
        base: PreTrainedTokenizerFast(tokenizer_object=made[base], model_max_length=LENGTH, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
        for base in made
    }
    trained = {task: adapter(folder, task, config, weights, generator, fast["wordpiece"]) for task in ADAPTERS}
    lines = []
    for task, base, name, parameters in cases():
        # A pipeline for each case: parameters of an earlier call must not remain. Left out, ours gives all classes.
        default = {"top_k": None} if task == "classification" else {}
        run = pipeline(NAMES[task], model=trained[task], tokenizer=fast[base], device="cpu", **default)
        inputs = INPUTS[name]
        answer = run(**inputs, **parameters) if task == "question-answering" else run(inputs, **parameters)
        if task == "classification" and not isinstance(inputs, list):
            answer = answer if isinstance(answer[0], list) else [answer]
        check_margins(task, answer)
        lines.append(json.dumps({"task": task, "base": base, "inputs": name, "parameters": parameters, "answer": rounded(answer)}, ensure_ascii=False))
    inputs = json.dumps(INPUTS, indent=2, ensure_ascii=False)
    (folder / "answers.json").write_text(f'{{"inputs": {inputs},\n"cases": [\n' + ",\n".join(lines) + "\n]}\n")


if __name__ == "__main__":
    main()
