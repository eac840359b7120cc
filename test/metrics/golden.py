"""Writes golden/*.json: random inputs with the scores that the Python libraries give them.

    pip install scikit-learn seqeval 'transformers<5'    (made with 1.9.1, 1.2.2, 4.46.3)
    python test/metrics/golden.py
"""

import json
import random
import warnings
from pathlib import Path
from types import SimpleNamespace

from seqeval.metrics import classification_report as entity_report
from seqeval.scheme import IOB2
from sklearn.metrics import accuracy_score, classification_report, f1_score
from transformers.data.metrics.squad_metrics import normalize_answer, squad_evaluate

warnings.filterwarnings("ignore")
FOLDER = Path(__file__).parent / "golden"
rng = random.Random(20261124)


def scores(row):
    return [float(row["precision"]), float(row["recall"]), float(row["f1-score"]), int(row["support"])]


def classification():
    cases = []
    for labels, size in [("ab", 1), ("ab", 2), ("abc", 7), ("abcdef", 20), ("abcdefghij", 40)] * 6:
        accuracy = rng.choice([0, 0.5, 0.9, 1])
        gold = [rng.choice(labels[: rng.randint(1, len(labels))]) for _ in range(size)]
        predicted = [g if rng.random() < accuracy else rng.choice(labels) for g in gold]
        cases.append((gold, predicted))
    cases += [(["a"] * 4, ["b"] * 4), (["a"] * 4, ["a"] * 4), (["0", "10", "2"], ["10", "10", "2"]), (["a", "b"], ["c", "c"])]
    result = []
    for gold, predicted in cases:
        labels = sorted(set(gold) | set(predicted))
        report = classification_report(gold, predicted, labels=labels, output_dict=True, zero_division=0)
        result.append(
            {
                "gold": gold,
                "predicted": predicted,
                "accuracy": float(accuracy_score(gold, predicted)),
                "f1_macro": float(report["macro avg"]["f1-score"]),
                "f1_micro": float(f1_score(gold, predicted, average="micro", zero_division=0)),
                "perLabel": {label: scores(report[label]) for label in labels},
            }
        )
    return result


def tags(length, types, outside, orphans):
    result = []
    for _ in range(length):
        previous = result[-1] if result else "O"
        if rng.random() < outside:
            result.append("O")
        elif previous != "O" and rng.random() < 0.5:
            result.append("I-" + previous[2:])
        else:
            result.append(("I-" if rng.random() < orphans else "B-") + rng.choice(types))
    return result


def entities():
    cases = []
    for index in range(30):
        types = [["PER"], ["PER", "LOC"], ["PER", "LOC", "A-B", "x.y"]][index % 3]
        orphans = [0, 0.5][index % 2]
        sentences = [tags(rng.randint(1, 9), types, rng.random(), orphans) for _ in range(rng.randint(1, 5))]
        noise = rng.choice([0, 0.2, 1])
        predicted = [
            [tag if rng.random() > noise else rng.choice(["O"] + [p + t for p in ("B-", "I-") for t in types]) for tag in sentence]
            for sentence in sentences
        ]
        cases.append((sentences, predicted))
    cases += [
        ([["O", "O"]], [["O", "O"]]),
        ([["O", "O"]], [["B-PER", "I-PER"]]),
        ([["B-PER", "I-PER"]], [["O", "O"]]),
        ([["B-PER", "I-PER"]], [["I-PER", "I-PER"]]),
        ([["B-PER", "I-LOC", "I-LOC"]], [["B-PER", "I-PER", "I-PER"]]),
        ([["B-PER", "I-LOC", "I-PER"]], [["B-PER", "O", "O"]]),
        ([["B-PER", "B-PER", "I-PER"]], [["B-PER", "I-PER", "I-PER"]]),
        ([["I-PER"]], [["I-PER"]]),
        ([["B-PER"], ["I-PER"]], [["B-PER"], ["I-PER"]]),
    ]
    result = []
    for gold, predicted in cases:
        kinds = any(tag.startswith("B-") for sentence in gold + predicted for tag in sentence)
        report = (
            entity_report(gold, predicted, mode="strict", scheme=IOB2, output_dict=True, zero_division=0)
            if kinds  # seqeval cannot report on no entity at all: its zeros
            else {"micro avg": {"precision": 0, "recall": 0, "f1-score": 0, "support": 0}}
        )
        result.append(
            {
                "gold": [" ".join(sentence) for sentence in gold],
                "predicted": [" ".join(sentence) for sentence in predicted],
                "micro": scores(report["micro avg"]),
                "perType": {name: scores(row) for name, row in report.items() if not name.endswith(" avg")},
            }
        )
    return result


def squad():
    words = (
        "the The a an A. THE, cat Cat dog, theme 's it's U.S.A. 1,000 a-b a_b éa naïve ÉCOLE Straße İzmir ΟΔΟΣ "
        "東京 北京。 the東京 а «кот» “a” – — … ½ a½ $5 % _ _a the_ ¿qué? а\u0301 a\u0301 \u200bthe"
    ).split(" ")
    gaps = [" "] * 8 + ["  ", "\t", "\n", "\u00a0", "\u3000", "\u2028", "\x1c", "\x85", "\ufeff", "\u200b"]

    def text(most):
        return "".join(rng.choice(words) + rng.choice(gaps) for _ in range(rng.randint(0, most)))

    normalized = [[sample, normalize_answer(sample)] for sample in [*words, *gaps, *(text(6) for _ in range(60))]]
    sets = []
    for kinds in [(1,), (0,), (0, 1, 1), (0, 1, 1), (1, 1, 1)]:
        questions = []
        for _ in range(12):
            gold = [text(4) or "the" for _ in range(rng.randint(1, 3))] if rng.choice(kinds) else []
            predicted = rng.choice([*gold, *(answer.upper() + " cat" for answer in gold), text(4), ""])
            questions.append({"gold": gold, "predicted": predicted})
        examples = [
            SimpleNamespace(qas_id=index, answers=[{"text": answer} for answer in question["gold"]])
            for index, question in enumerate(questions)
        ]
        evaluation = squad_evaluate(examples, {index: question["predicted"] for index, question in enumerate(questions)})
        metrics = {
            f"{ours}{suffix}": float(evaluation[f"{prefix}{theirs}"])
            for ours, theirs in [("exact_match", "exact"), ("f1", "f1")]
            for suffix, prefix in [("", ""), ("_has_answer", "HasAns_"), ("_no_answer", "NoAns_")]
            if f"{prefix}{theirs}" in evaluation
        }
        sets.append({"questions": questions, "metrics": metrics})
    return {"normalized": normalized, "sets": sets}


FOLDER.mkdir(exist_ok=True)
for name, make in [("classification", classification), ("entities", entities), ("squad", squad)]:
    (FOLDER / f"{name}.json").write_text(json.dumps(make(), separators=(",", ":")) + "\n")
