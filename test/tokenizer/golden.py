"""Writes what the Rust library (Python package `tokenizers`) makes of the lines of sentences.py.

usage: python golden.py TOKENIZER_JSON[.gz] OUT.jsonl.gz [PATCH_JSON [LINES]]

PATCH_JSON replaces top-level fields of the tokenizer.json, so that one fixture serves several goldens. LINES is the kind
of lines. The first line of OUT is {source, sha256, patch, library, frames}, frames (of kind "bytes") being ids and type
ids of FRAMED alone and as a pair, with special tokens; each line after it is [text, tokens], tokens being for each one
its id, its start minus the start of the one before, and its length, in code points.
"""

import gzip
import hashlib
import json
import pathlib
import sys

import tokenizers
from sentences import lines


FRAMED = ["How was the flight?", " It wasn't late"]


def main(source, out, patch="{}", kind="all"):
    path = pathlib.Path(source)
    raw = path.read_bytes()
    text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    spec = {**json.loads(text), **json.loads(patch)}
    tokenizer = tokenizers.Tokenizer.from_str(json.dumps(spec))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    name = path.name if path.suffix == ".gz" else path.parent.name
    header = {
        "source": name,
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "patch": json.loads(patch),
        "library": tokenizers.__version__,
    }
    if kind == "bytes":
        framed = [tokenizer.encode(FRAMED[0]), tokenizer.encode(*FRAMED)]
        header["frames"] = [[encoding.ids, encoding.type_ids] for encoding in framed]
    rows = [json.dumps(header, ensure_ascii=False)]
    for line in lines(kind):
        encoding = tokenizer.encode(line, add_special_tokens=False)
        tokens, last = [], 0
        for id, (start, end) in zip(encoding.ids, encoding.offsets):
            tokens += [id, start - last, end - start]
            last = start
        rows.append(json.dumps([line, tokens], ensure_ascii=False, separators=(",", ":")))
    pathlib.Path(out).write_bytes(gzip.compress("\n".join(rows).encode(), 9, mtime=0))


main(*sys.argv[1:])
