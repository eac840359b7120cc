"""Writes golden/multi-label.json and golden/regression.json: random inputs with the scores that the Python libraries give them.

    pip install scikit-learn scipy    (made with 1.9.1, 1.17.1)
    python test/metrics/problems.py
"""

import json
import random
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import f1_score, mean_squared_error

FOLDER = Path(__file__).parent / "golden"
rng = random.Random(20261125)


def multi_label():
    cases = []
    for index in range(24):
        labels = [f"l{i}" for i in range([1, 2, 5, 12][index % 4])]
        rows = [1, 3, 30][index % 3]
        rare = rng.choice([0, 0.1, 0.5])
        gold = np.array([[int(rng.random() < rare) for _ in labels] for _ in range(rows)])
        noise = rng.choice([0.1, 0.5, 1])
        draw = lambda given: min(1, max(0, rng.random() * noise + given * (1 - noise)))
        scores = np.array([[round(draw(given), 4) for given in row] for row in gold])
        scores[rng.randrange(rows)][0] = rng.choice([0, 0.5, 1, 0.29])
        f1 = lambda threshold, average: float(f1_score(gold, scores >= threshold, average=average, zero_division=0)) if len(labels) > 1 else float(
            f1_score(gold[:, 0], scores[:, 0] >= threshold, average="binary", zero_division=0)
        )
        grid = [k / 100 for k in range(1, 100)]
        best = max(f1(threshold, "micro") for threshold in grid)
        distance = min(abs(threshold - 0.5) for threshold in grid if f1(threshold, "micro") > best - 1e-12)
        cases.append(
            {
                "labels": labels,
                "gold": [[label for label, given in zip(labels, row) if given] for row in gold],
                "scores": scores.tolist(),
                "f1": {str(t): [f1(t, "micro"), f1(t, "macro")] for t in (0.1, 0.29, 0.5, 0.9)},
                "best": {"f1": best, "distance": distance},
            }
        )
    return cases


def regression():
    cases = []
    for index in range(24):
        size = [2, 5, 40][index % 3]
        noise = rng.choice([0, 0.3, 3])
        digits = rng.choice([0, 1, 6])
        gold = [round(rng.uniform(-2, 5), digits) for _ in range(size)]
        predicted = [round(value * rng.choice([1, 1, -1]) + rng.gauss(0, noise), digits) for value in gold]
        if len(set(gold)) < 2 or len(set(predicted)) < 2:
            continue  # scipy gives nan there
        cases.append(
            {
                "gold": gold,
                "predicted": predicted,
                "pearson": float(pearsonr(gold, predicted).statistic),
                "spearman": float(spearmanr(gold, predicted).statistic),
                "mse": float(mean_squared_error(gold, predicted)),
            }
        )
    return cases


FOLDER.mkdir(exist_ok=True)
for name, make in [("multi-label", multi_label), ("regression", regression)]:
    (FOLDER / f"{name}.json").write_text(json.dumps(make(), separators=(",", ":")) + "\n")
