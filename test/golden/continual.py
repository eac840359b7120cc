"""Writes golden numbers of continual learning: the Fisher diagonal of a LoRA classifier, and the penalties of EWC and O-LoRA.

    pip install torch transformers peft safetensors    (made with 2.15.0, 5.24.0, 0.21.2)
    python test/golden/continual.py > test/golden/continual.json

The Fisher is that of two cases of test/golden/peft (written by peft.py): row by row, the squared gradient of the row's own
log-likelihood, and their mean. Everything runs in float64.
"""

import importlib.util
import json
import sys
from pathlib import Path

here = Path(__file__).parent
sys.path.remove(str(here))  # Else `import peft` would find peft.py here.

import torch
from safetensors.torch import load_file

spec = importlib.util.spec_from_file_location("golden_peft", here / "peft.py")
source = (here / "peft.py").read_text().replace("del sys.path[0]", "pass")
golden = importlib.util.module_from_spec(spec)
exec(compile(source, str(here / "peft.py"), "exec"), golden.__dict__)


def fisher(name):
    case = next(case for case in json.loads((here / "peft" / "cases.json").read_text()) if case["name"] == name)
    tensors = load_file(here / "peft" / f"{name}.safetensors")
    model, whole = golden.model_of(case)
    model.bert.load_state_dict(load_file(here / "peft" / "model.safetensors"), strict=False)
    model, trainable = golden.trainable_of(case, model, whole)
    for parameter_name, parameter in trainable.items():
        parameter.data = tensors[parameter_name].clone()
    model.double()
    sums = {parameter_name: torch.zeros_like(parameter) for parameter_name, parameter in trainable.items()}
    for row, length in enumerate(case["lengths"]):
        batch = {key: tensors[key][row : row + 1, :length].long() for key in ("input_ids", "attention_mask", "token_type_ids")}
        label = tensors["labels"][row].long()
        model.zero_grad()
        output = model(**batch)
        logits = getattr(output, "logits", output)
        # Of a token classifier, the mean over the tokens that have a label.
        flat, labels = logits.reshape(-1, len(case["labels"])), label.reshape(-1)[: logits.reshape(-1, len(case["labels"])).shape[0]]
        torch.nn.functional.cross_entropy(flat, labels, ignore_index=golden.IGNORED).backward()
        for parameter_name, parameter in trainable.items():
            sums[parameter_name] += parameter.grad**2
    return dict(name=name, fisher={n: [float(f"{value:.8g}") for value in (s / len(case["lengths"])).detach().reshape(-1).tolist()] for n, s in sums.items()})


def ewc():
    generator = torch.Generator().manual_seed(20261126)
    anchor, values = [torch.randn(9, generator=generator).double() for _ in range(2)]
    values.requires_grad_(True)
    diagonal = torch.rand(9, generator=generator).double() * (torch.arange(9) != 4)
    loss = 75.0 / 2 * (diagonal * (values - anchor) ** 2).sum()
    loss.backward()
    return dict(lambda_=75.0, anchor=anchor.tolist(), values=values.tolist(), fisher=diagonal.tolist(), loss=loss.item(), gradient=values.grad.tolist())


def orthogonal():
    """Two layers, three old rows of A and two new ones, width 5 and 4."""
    generator = torch.Generator().manual_seed(20261127)
    layers, loss = [], 0
    for width in (5, 4):
        a = torch.randn(5, width, generator=generator).double().requires_grad_(True)
        layers.append(a)
        loss = loss + 0.7 * ((a[3:] @ a[:3].detach().T) ** 2).sum()
    loss.backward()
    return dict(lambda_=0.7, old=3, loss=loss.item(), layers=[dict(a=a.tolist(), gradient=a.grad.tolist()) for a in layers])


torch.set_num_threads(1)
cases = ["classification.qv.r2.mean", "sequence-labeling.qv.r2", "single-label.weighted"]
print(json.dumps(dict(fisher=[fisher(name) for name in cases], ewc=ewc(), orthogonal=orthogonal())))
