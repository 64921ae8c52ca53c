"""Writes operators.json: what mergekit's own code makes of small seeded tensors, every method and option.

Needs: pip install mergekit==0.1.5 (torch comes with it). Run: python make_merges.py

Two things are pinned that mergekit leaves open, and nothing else is changed:
- sorts are stable, so that of equal magnitudes the first ones win (torch may order them either way);
- torch.bernoulli draws from Philox, keyed by (seed, tensor name, parent, element), by an implementation of its own here.
"""

import hashlib
import json
import struct
from pathlib import Path

import torch

import mergekit.merge_methods.generalized_task_arithmetic as family
from mergekit.merge_methods.api import merge_tensors

OUT = Path(__file__).parent / "operators.json"


# --- the pinned choices -------------------------------------------------------------------------------------------

def philox(counter, key):
    c, (k0, k1) = list(counter), key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ k0, p1 & 0xFFFFFFFF, (p0 >> 32) ^ c[3] ^ k1, p0 & 0xFFFFFFFF]
        k0, k1 = (k0 + 0x9E3779B9) & 0xFFFFFFFF, (k1 + 0xBB67AE85) & 0xFFFFFFFF
    return c


def uniforms(seed, name, parent, count):
    digest = hashlib.sha256(b"centram-merge-draws/1" + struct.pack("<d", seed) + name.encode()).digest()
    key = struct.unpack("<II", digest[:8])
    words = []
    for block in range((count + 3) // 4):
        words += philox((block, 0, parent, 0), key)
    return torch.tensor([word / 2**32 for word in words[:count]], dtype=torch.float64)


state = {"seed": 0, "name": "", "parent": -1}
plain_sparsify, plain_argsort, plain_sort = family.sparsify, torch.argsort, torch.sort


def counted_sparsify(*args, **kwargs):
    state["parent"] += 1
    return plain_sparsify(*args, **kwargs)


def bernoulli(probabilities):
    draws = uniforms(state["seed"], state["name"], state["parent"], probabilities.numel())
    return (draws.reshape(probabilities.shape) < probabilities.double()).to(probabilities.dtype)


family.sparsify = counted_sparsify
torch.bernoulli = bernoulli
torch.argsort = lambda x, dim=-1, descending=False: plain_argsort(x, dim=dim, descending=descending, stable=True)
torch.sort = lambda x, dim=-1, descending=False: plain_sort(x, dim=dim, descending=descending, stable=True)


# --- inputs -------------------------------------------------------------------------------------------------------

generator = torch.Generator().manual_seed(20240607)


def normal(*shape):
    return torch.randn(*shape, generator=generator)


def made(shape, parents=3, scale=0.3, zeros=0.25):
    base = normal(*shape)
    deltas = [scale * normal(*shape) * (torch.rand(*shape, generator=generator) >= zeros) for _ in range(parents)]
    return {"base": base, "parents": [base + delta for delta in deltas]}


inputs = {
    "vector": made((7,)),
    "matrix": made((5, 6)),
    "wide": made((3, 17), parents=4),
    "column": made((6, 1)),
    "one": made((1,), zeros=0),
    "cube": made((2, 3, 5)),
}
m = inputs["matrix"]
inputs["equal-parents"] = {"base": m["base"], "parents": [m["parents"][0]] * 3}
inputs["opposite"] = {
    "base": torch.zeros(4, 5),
    "parents": (lambda a, b: [a, -a, b])(normal(4, 5).round(decimals=2), normal(4, 5)),
}
inputs["ties-at-the-cut"] = {
    "base": torch.zeros(4, 4),
    "parents": [torch.randint(-2, 3, (4, 4), generator=generator).float() * 0.5 for _ in range(3)],
}
inputs["zero-parent"] = {"base": normal(3, 4), "parents": [normal(3, 4), torch.zeros(3, 4), normal(3, 4)]}
inputs["adapter-sized"] = made((6, 8), scale=1e-3)
inputs["parallel"] = {"base": (p := normal(3, 5)), "parents": [p, 2 * p, p + 1e-3 * normal(3, 5)]}

cases = []


def case(method, name, parents=(0, 1, 2), base=True, seed=0, dtype=None, **parameters):
    data = inputs[name]
    tensors = [data["parents"][i] for i in parents]
    state.update(seed=seed, name=f"{name}.weight", parent=-1)
    arguments = {"lambda" if key == "lambda_" else key: value for key, value in parameters.items()}
    group = ([data["base"]] if base else []) + tensors
    merged = merge_tensors(
        [tensor.clone() for tensor in group],
        method,
        # mergekit asks for a weight; here it is 1 where none is given.
        parameters=({"weight": [1.0] * len(tensors)} if method in WEIGHTED else {}) | arguments,
        base_index=0 if base else None,
        name=f"{name}.weight",
        dtype=dtype,
    )
    assert torch.isfinite(merged).all(), (method, name, arguments)
    cases.append(
        {
            "operator": method,
            "input": name,
            "parents": list(parents),
            "base": base,
            "parameters": arguments,
            "seed": seed,
            "expected": values(merged),
        }
    )


def values(tensor):
    return [float(f"{x:.9g}") for x in tensor.flatten().tolist()]


FAMILY = [
    "task_arithmetic", "ties", "dare_linear", "dare_ties", "della", "della_linear", "breadcrumbs", "breadcrumbs_ties",
]
WEIGHTED = {"linear", "nuslerp", "multislerp", *FAMILY}
SHAPES = ["vector", "matrix", "wide", "cube", "equal-parents", "opposite", "ties-at-the-cut"]

for name in SHAPES:
    case("linear", name, base=False, weight=[0.5, 1.0, -0.25])
case("linear", "column", base=False)
case("linear", "one", base=False, weight=[2.0, 3.0, 4.0])
case("linear", "matrix", base=False, weight=[0.5, 1.0, -0.25], normalize=False)

for method in FAMILY:
    extra = {"gamma": 0.1} if method.startswith("bread") else {"epsilon": 0.2} if method.startswith("della") else {}
    for index, name in enumerate(SHAPES):
        case(method, name, seed=11 + index, weight=[0.5, 1.0, 0.75], density=[0.4, 0.55, 0.7], **extra)
    case(method, "matrix", weight=[1.0, -1.0, 0.5])
    case(method, "column", seed=3, weight=[1.0, 2.0, 0.5], density=0.5 if not method.startswith("della") else 1.0)
    case(method, "matrix", seed=4, density=0.5, rescale=False, normalize=False, lambda_=0.7, weight=[0.3, 0.3, 0.4])
    case(method, "matrix", seed=5, density=0.5, rescale=True, normalize=True, int8_mask=True, weight=[0.3, 0.3, 0.4])
    case(method, "zero-parent", seed=2**40 + 6, density=0.6, weight=[0.5, 0.5, 1.0])
    case(method, "one", weight=[0.5, 0.5, 1.0])
    case(method, "wide", parents=(1,), density=0.5, weight=[0.9])
for density in (0.01, 0.999):
    case("ties", "wide", parents=(0, 1, 2, 3), density=density)
case("dare_linear", "matrix", seed=9, density=0.0)
case("breadcrumbs", "matrix", density=0.95, gamma=0.3)
case("breadcrumbs", "vector", density=0.0)
case("task_arithmetic", "matrix", weight=[1.0, -1.0, 0.0], normalize=True)

for t in (0.0, 0.25, 0.5, 1.0, 1.3):
    case("slerp", "matrix", parents=(1,), t=t)
for name in ("vector", "cube", "one", "column", "opposite", "zero-parent", "adapter-sized"):
    case("slerp", name, parents=(1,), t=0.35)
case("slerp", "parallel", parents=(1,), t=0.3)
case("slerp", "parallel", parents=(2,), t=0.3)

for name in ("vector", "matrix", "cube", "column", "zero-parent", "adapter-sized"):
    for base in (True, False):
        case("nuslerp", name, parents=(0, 1), base=base, weight=[0.3, 0.5])
        case("nuslerp", name, parents=(0, 1), base=base, weight=[0.3, 0.5], nuslerp_flatten=False)
        case("nuslerp", name, parents=(0, 1), base=base, weight=[0.3, 0.5], nuslerp_flatten=False, nuslerp_row_wise=True)
case("nuslerp", "matrix", parents=(0, 1), weight=[1.0, -1.0])
case("nuslerp", "equal-parents", parents=(0, 1), weight=[0.3, 0.5])

for name in ("vector", "matrix", "wide", "cube", "column", "equal-parents", "zero-parent", "adapter-sized"):
    case("multislerp", name, weight=[0.5, 1.0, 0.75])
    case("multislerp", name, base=False, weight=[0.5, 1.0, 0.75])
case("multislerp", "matrix", weight=[0.5, 1.0, 0.25], normalize_weights=False)
case("multislerp", "opposite", parents=(0, 1), base=False, weight=[1.0, 1.0])
case("multislerp", "matrix", parents=(2,))

for name in ("vector", "matrix", "wide", "cube", "column", "equal-parents", "zero-parent", "adapter-sized"):
    case("karcher", name, base=False)
case("karcher", "opposite", parents=(0, 2), base=False)
case("karcher", "opposite", parents=(0, 2), base=False, max_iter=1)
case("karcher", "opposite", parents=(0, 2), base=False, max_iter=100, tol=1e-3)
case("karcher", "matrix", parents=(1,), base=False)

for name in (*SHAPES, "zero-parent", "adapter-sized", "column", "one"):
    case("sce", name)
    if name != "ties-at-the-cut":  # torch.topk leaves open which of equal variances it takes
        case("sce", name, select_topk=0.4, int8_mask=True)
case("sce", "wide", parents=(0, 1, 2, 3), select_topk=0.77)
case("sce", "matrix", select_topk=0.0)

for name in ("vector", "matrix", "wide", "cube", "equal-parents", "opposite", "zero-parent", "adapter-sized"):
    case("model_stock", name)
    case("model_stock", name, filter_wise=True)
case("model_stock", "opposite", parents=(0, 1))
case("model_stock", "matrix", parents=(0, 2))

for name in ("vector", "matrix", "cube", "equal-parents", "adapter-sized"):
    for t in (0.0, 0.001, 0.1):
        case("nearswap", name, parents=(1,), t=t)

for name in ("vector", "matrix", "wide", "cube", "one", "column", "zero-parent"):
    case("arcee_fusion", name, parents=(1,))
# In f32 the divergence of such small changes is rounding noise, and with it the choice of elements.
case("arcee_fusion", "adapter-sized", parents=(1,), dtype=torch.float64)
case("arcee_fusion", "parallel", parents=(0,))

for name in (*SHAPES, "zero-parent", "adapter-sized", "one"):
    case("ram", name)
    case("ramplus_tl", name)
case("ram", "matrix", epsilon=0.2)
case("ramplus_tl", "matrix", r=0.5, alpha=1.5, epsilon=0.2)
case("ramplus_tl", "matrix", parents=(0,))

case("passthrough", "matrix", parents=(1,), base=False)
case("passthrough", "matrix", parents=(1,), base=False, scale=[-0.5])

lines = ",\n".join(json.dumps(item) for item in cases)
tensors = ",\n".join(
    f"{json.dumps(name)}: "
    + json.dumps(
        {
            "shape": list(data["base"].shape),
            "base": values(data["base"]),
            "parents": [values(parent) for parent in data["parents"]],
        }
    )
    for name, data in inputs.items()
)
OUT.write_text(f'{{"mergekit": "0.1.5",\n"inputs": {{\n{tensors}\n}},\n"cases": [\n{lines}\n]}}\n')
print(len(cases), "cases")
