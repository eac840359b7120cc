"""Writes golden files of training's arithmetic: learning rate schedules, AdamW with weight decay groups, R-Drop.

    pip install torch transformers    (made with 2.15.0, 5.24.0)
    python test/golden/training.py > test/golden/training.json

Everything but AdamW (float32, as we keep it) runs in float64.
"""

import json
import sys

del sys.path[0]  # Else `import peft` in transformers would find a file beside this one.

import torch
from torch.nn import functional as F
from transformers import get_constant_schedule_with_warmup, get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup


def rates(name, warmup, total):
    """Fractions of the peak at steps 0 to total, one more than are taken."""
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    if name == "constant":
        schedule = get_constant_schedule_with_warmup(optimizer, warmup)
    else:
        make = {"linear": get_linear_schedule_with_warmup, "cosine": get_cosine_schedule_with_warmup}[name]
        schedule = make(optimizer, warmup, total)
    found = []
    for _ in range(total + 1):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def schedules():
    shapes = [(0, 1), (0, 7), (1, 7), (3, 20), (6, 7), (10, 40)]
    return [
        dict(name=name, warmup=warmup, total=total, rates=rates(name, warmup, total))
        for name in ["linear", "cosine", "constant"]
        for warmup, total in shapes
    ]


def adamw():
    """A matrix that decays and a bias that does not, of the body and of a head with a rate of its own; clipped to norm 1."""
    generator = torch.Generator().manual_seed(20261124)
    draw = lambda *shape: torch.randn(shape, generator=generator)
    parameters = [draw(3, 4), draw(3), draw(2, 3), draw(2)]
    initial = [p.tolist() for p in parameters]
    for p in parameters:
        p.requires_grad_(True)
    decays = [0.1, 0.0, 0.1, 0.0]
    shares = [1.0, 1.0, 5.0, 5.0]
    optimizer = torch.optim.AdamW(
        [dict(params=[p], weight_decay=decay) for p, decay in zip(parameters, decays)], betas=(0.9, 0.999), eps=1e-8
    )
    steps = []
    for i in range(12):
        rate = 0.02 * (12 - i) / 12
        # Gradients large, small and zero.
        gradients = [draw(*p.shape) * 10.0 ** (1 - i % 4) * (i != 5) for p in parameters]
        for p, gradient in zip(parameters, gradients):
            p.grad = gradient.clone()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0).item()
        for group, share in zip(optimizer.param_groups, shares):
            group["lr"] = rate * share
        optimizer.step()
        values = [p.detach().clone().tolist() for p in parameters]
        steps.append(dict(rate=rate, gradients=[g.tolist() for g in gradients], norm=norm, values=values))
    return dict(initial=initial, headShare=5.0, weightDecay=0.1, steps=steps)


def r_drop():
    """As https://github.com/dropreg/R-Drop: half the sum of both losses, alpha times half the sum of both divergences."""
    generator = torch.Generator().manual_seed(20261125)
    found = []
    for alpha, scale in [(1.0, 1.0), (5.0, 3.0), (0.3, 40.0)]:
        a, b = [(torch.randn(4, 3, generator=generator).double() * scale).requires_grad_(True) for _ in range(2)]
        labels = torch.tensor([0, 2, 1, 2])
        cross_entropy = (F.cross_entropy(a, labels) + F.cross_entropy(b, labels)) / 2
        p, q = F.log_softmax(a, -1), F.log_softmax(b, -1)
        divergence = (F.kl_div(p, q.exp(), reduction="batchmean") + F.kl_div(q, p.exp(), reduction="batchmean")) / 2
        loss = cross_entropy + alpha * divergence
        loss.backward()
        case = dict(a=a.tolist(), b=b.tolist(), gradA=a.grad.tolist(), gradB=b.grad.tolist())
        found.append(dict(alpha=alpha, labels=labels.tolist(), loss=loss.item(), **case))
    return found


print(json.dumps(dict(schedules=schedules(), adamw=adamw(), rDrop=r_drop())))
