"""Writes golden/analysis.json: random answers with the numbers that scikit-learn and NumPy give of them.

    pip install scikit-learn numpy    (made with 1.9.1, 2.4.6)
    python test/report/golden.py
"""

import json
from pathlib import Path

import numpy as np
from sklearn.metrics import confusion_matrix

rng = np.random.default_rng(20261125)


def confusion(labels, size):
    expected = rng.choice(labels, size)
    predicted = np.where(rng.random(size) < 0.6, expected, rng.choice(labels, size))
    present = sorted(set(expected) | set(predicted))
    matrix = confusion_matrix(expected, predicted, labels=present)
    return {"expected": expected.tolist(), "predicted": predicted.tolist(), "labels": [str(label) for label in present], "matrix": matrix.tolist()}


def calibration(size, bins, places):
    """ECE of https://arxiv.org/abs/1706.04599: bins ((m-1)/M, m/M], |accuracy - confidence| weighted by size."""
    confidence = np.round(rng.beta(3, 1, size), places)
    correct = rng.random(size) < confidence**1.5
    edges = np.arange(bins + 1) / bins
    member = np.clip(np.digitize(confidence, edges, right=True), 1, bins)
    counts, error = [], 0.0
    for m in range(1, bins + 1):
        inside = member == m
        counts.append(int(inside.sum()))
        if inside.any():
            error += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return {"confidence": confidence.tolist(), "correct": correct.tolist(), "bins": bins, "counts": counts, "error": float(error)}


cases = {
    "confusion": [confusion(list("abcdefghijklmnopqrstuvwxy")[:n], size) for n, size in [(1, 3), (2, 9), (5, 60), (25, 300)]],
    # Confidences of one decimal lie on the edges of bins.
    "calibration": [calibration(*case) for case in [(1, 10, 6), (40, 10, 6), (300, 15, 6), (200, 10, 1)]],
}
path = Path(__file__).parent / "golden" / "analysis.json"
path.write_text(json.dumps(cases) + "\n")
