"""Trains the three small tokenizers of the tests on sentences.py and writes all golden files.

usage: python fixtures.py BASES_DIR        (with all-MiniLM-L6-v2/ and multilingual-e5-small/ in it)

The Unigram fixture takes its normalizer, with SentencePiece's nmt_nfkc character map (Apache-2.0), from
multilingual-e5-small's tokenizer.json.
"""

import gzip
import json
import pathlib
import subprocess
import sys

from sentences import SENTENCES, generated
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

here = pathlib.Path(__file__).parent
golden = here / "golden"
bases = pathlib.Path(sys.argv[1])
corpus = [*SENTENCES, *generated(1500, 7)]


def save(tokenizer, name, **changes):
    spec = {**json.loads(tokenizer.to_str()), **changes}
    text = json.dumps(spec, ensure_ascii=False)
    (golden / name).write_bytes(gzip.compress(text.encode(), 9, mtime=0))


def word_piece():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(corpus, trainers.WordPieceTrainer(vocab_size=4000, special_tokens=specials))
    frame = [(token, tokenizer.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=frame
    )
    save(tokenizer, "wordpiece.json.gz")


def unigram():
    tokenizer = Tokenizer(models.Unigram())
    real = Tokenizer.from_file(str(bases / "multilingual-e5-small/tokenizer.json"))
    tokenizer.normalizer = real.normalizer
    tokenizer.pre_tokenizer = real.pre_tokenizer
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    trainer = trainers.UnigramTrainer(vocab_size=3000, special_tokens=specials, unk_token="<unk>")
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    save(tokenizer, "unigram.json.gz")


def byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    specials = ["<s>", "<pad>", "</s>", "<unk>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=3000, special_tokens=specials, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    save(tokenizer, "bpe.json.gz")


def added(content, **flags):
    off = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {"content": content, **off, **flags}


def numbered(tokens, model):
    """With the ids the library gives: the model's own, or the next after its vocabulary."""
    vocab = model["vocab"]
    ids = vocab if isinstance(vocab, dict) else {piece: id for id, (piece, _) in enumerate(vocab)}
    free = iter(range(len(vocab), len(vocab) + len(tokens)))
    rest = [{k: v for k, v in token.items() if k != "id"} for token in tokens]
    return [{"id": ids[t["content"]] if t["content"] in ids else next(free), **t} for t in rest]


def write(source, out, patch=None, kind="all"):
    patched = [str(source), str(golden / out), json.dumps(patch or {}), kind]
    command = [sys.executable, str(here / "golden.py"), *patched]
    subprocess.run(command, check=True)


def byte_level_goldens():
    """As RoBERTa, with a space in front as its relatives have it, as ModernBERT, and as code models."""
    source = golden / "bpe.json.gz"
    spec = json.loads(gzip.decompress(source.read_bytes()))
    write(source, "bpe.jsonl.gz", kind="bytes")
    prefix = {
        "pre_tokenizer": {**spec["pre_tokenizer"], "add_prefix_space": True},
        "post_processor": {**spec["post_processor"], "add_prefix_space": True},
    }
    write(source, "bpe-prefix.jsonl.gz", prefix, "bytes")
    piece = {id: {"SpecialToken": {"id": id, "type_id": 0}} for id in ("<s>", "</s>")}
    piece |= {id: {"Sequence": {"id": id, "type_id": 0}} for id in "AB"}
    template = {
        "type": "TemplateProcessing",
        "single": [piece[id] for id in ("<s>", "A", "</s>")],
        "pair": [piece[id] for id in ("<s>", "A", "</s>", "B", "</s>")],
        "special_tokens": {id: {"id": id, "ids": [n], "tokens": [id]} for id, n in (("<s>", 0), ("</s>", 2))},
    }
    spaces = [added(" " * count, normalized=True) for count in range(8, 1, -1)]
    modern = {
        "normalizer": {"type": "NFC"},
        "added_tokens": numbered(
            [*spec["added_tokens"], *spaces, added("[unused0]", normalized=True), added("é!", normalized=True)],
            spec["model"],
        ),
        "post_processor": template,
    }
    write(source, "bpe-modern.jsonl.gz", modern, "bytes")
    trim = {**spec["pre_tokenizer"], "trim_offsets": True}
    code = {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [{"type": "Digits", "individual_digits": True}, spec["pre_tokenizer"]],
        },
        "post_processor": {"type": "Sequence", "processors": [trim, template]},
        # Few merges, as older files write them, so that most words that are pieces are found only as a whole.
        "model": {
            **spec["model"],
            "ignore_merges": True,
            "merges": [" ".join(pair) for pair in spec["model"]["merges"][:60]],
        },
    }
    write(source, "bpe-code.jsonl.gz", code, "bytes")


def main():
    word_piece()
    unigram()
    byte_level()
    byte_level_goldens()
    pieces = json.loads(gzip.decompress((golden / "wordpiece.json.gz").read_bytes()))
    write(golden / "wordpiece.json.gz", "wordpiece.jsonl.gz")
    cased = {
        "normalizer": {**pieces["normalizer"], "lowercase": False, "handle_chinese_chars": False},
        "added_tokens": numbered([
            *pieces["added_tokens"][:4],
            added("[MASK]", lstrip=True, special=True),
            added("tenant", single_word=True, normalized=True),
            added("brand new", rstrip=True),
            added("<s>", lstrip=True, rstrip=True),
        ], pieces["model"]),
        "post_processor": {
            "type": "RobertaProcessing",
            "sep": ["[SEP]", 3],
            "cls": ["[CLS]", 2],
            "trim_offsets": True,
            "add_prefix_space": True,
        },
    }
    write(golden / "wordpiece.json.gz", "wordpiece-cased.jsonl.gz", cased)
    loose = {
        "normalizer": {**pieces["normalizer"], "clean_text": False, "strip_accents": False},
        "added_tokens": numbered([*pieces["added_tokens"], added("Étage", normalized=True)], pieces["model"]),
        "post_processor": {"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
    }
    write(golden / "wordpiece.json.gz", "wordpiece-loose.jsonl.gz", loose)
    write(golden / "unigram.json.gz", "unigram.jsonl.gz")
    pieces = json.loads(gzip.decompress((golden / "unigram.json.gz").read_bytes()))
    split = {
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
            ],
        },
        "added_tokens": numbered([
            *pieces["added_tokens"],
            added("½ tenant", normalized=True),
            added("tenant", normalized=True, lstrip=True, rstrip=True),
            added("étage", normalized=True, single_word=True),
        ], pieces["model"]),
        "post_processor": None,
    }
    write(golden / "unigram.json.gz", "unigram-split.jsonl.gz", split)
    for base in ("all-MiniLM-L6-v2", "multilingual-e5-small"):
        write(bases / base / "tokenizer.json", f"{base}.jsonl.gz")


main()
