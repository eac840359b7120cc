"""Writes golden/*.parquet: small data sets as Hugging Face's `datasets` and as PyArrow alone leave them, in several codecs.

    pip install datasets pyarrow    (made with 5.2.0, 26.0.1)
    python test/data/parquet.py
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, Sequence, Value

FOLDER = Path(__file__).parent / "golden"
FOLDER.mkdir(exist_ok=True)


def write(name, table, codec):
    pq.write_table(table, FOLDER / f"{name}.parquet", compression=codec)


def of_datasets(name, features, rows, codec):
    dataset = Dataset.from_list(rows, features=Features(features))
    # `to_parquet` has no say in the codec; the schema with its metadata is what matters.
    table = dataset.data.table
    write(name, table.cast(dataset.features.arrow_schema).replace_schema_metadata(dataset.features.arrow_schema.metadata), codec)


of_datasets(
    "emotions",
    {"text": Value("string"), "labels": Sequence(ClassLabel(names=["anger", "joy", "love"])), "id": Value("string")},
    [
        {"text": "so happy 🎉", "labels": [1, 2], "id": "a"},
        {"text": "grr", "labels": [0], "id": "b"},
        {"text": "hm", "labels": [], "id": "c"},
    ],
    "zstd",
)
of_datasets(
    "topics",
    {"text": Value("string"), "label": ClassLabel(names=["late", "praise"])},
    [{"text": "where is it", "label": 0}, {"text": "thanks", "label": 1}],
    "snappy",
)
of_datasets(
    "entities",
    {
        "id": Value("string"),
        "tokens": Sequence(Value("string")),
        "ner_tags": Sequence(ClassLabel(names=["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])),
    },
    [
        {"id": "0", "tokens": ["Mara", "Lind", "lives", "in", "Oslo"], "ner_tags": [1, 2, 0, 0, 3]},
        {"id": "1", "tokens": [], "ner_tags": []},
        {"id": "2", "tokens": ["北京", "is", "big"], "ner_tags": [3, 0, 0]},
    ],
    "gzip",
)
of_datasets(
    "squad",
    {
        "id": Value("string"),
        "title": Value("string"),
        "context": Value("string"),
        "question": Value("string"),
        "answers": {"text": Sequence(Value("string")), "answer_start": Sequence(Value("int32"))},
    },
    [
        {"id": "1", "title": "t", "context": "🎉 Mara lives in Oslo", "question": "Where?", "answers": {"text": ["Oslo", "in Oslo"], "answer_start": [16, 13]}},
        {"id": "2", "title": "t", "context": "🎉 Mara lives in Oslo", "question": "Why?", "answers": {"text": [], "answer_start": []}},
    ],
    "lz4",
)
write(
    "similarity",
    pa.table(
        {
            "sentence1": ["a man", "a dog"],
            "sentence2": ["a woman", "a plane"],
            "score": pa.array([3.8, 0.25], pa.float64()),
            "index": pa.array([2**53 + 2, 7], pa.int64()),
        }
    ),
    "brotli",
)
