"""Writes adapters/: three small LoRA adapters saved by PEFT, and adapters.json: what PEFT's own add_weighted_adapter
makes of them, as ΔW by module.

Needs: pip install peft==0.21.2 (and torch). Run: python make_adapters.py
"""

import json
import shutil
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

HERE = Path(__file__).parent
OUT = HERE / "adapters"
BASE = "example/two-linears"


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.up = torch.nn.Linear(6, 9, bias=False)
        self.down = torch.nn.Linear(9, 6, bias=False)

    def forward(self, x):
        return x + self.down(torch.relu(self.up(x)))


class Model(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = torch.nn.Embedding(11, 6)
        self.layers = torch.nn.ModuleList([Block(), Block()])

    def forward(self, ids):
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return x


torch.manual_seed(3)
model = Model()
common = {"target_modules": ["up", "down", "embed"], "base_model_name_or_path": BASE}
configs = {
    "one": LoraConfig(r=2, lora_alpha=5, **common),
    "two": LoraConfig(r=3, lora_alpha=4, use_rslora=True, rank_pattern={"layers.1.up": 4}, **common),
    "three": LoraConfig(r=2, lora_alpha=3, alpha_pattern={"down": 7}, **common),
}
peft = get_peft_model(model, configs["one"], adapter_name="one")
for name in ("two", "three"):
    peft.add_adapter(name, configs[name])
generator = torch.Generator().manual_seed(4)
for parameter_name, parameter in peft.named_parameters():
    if "lora_" in parameter_name:
        parameter.data = 0.3 * torch.randn(parameter.shape, generator=generator)
shutil.rmtree(OUT, ignore_errors=True)
peft.save_pretrained(OUT)
for readme in OUT.rglob("README.md"):
    readme.unlink()


def deltas(adapter):
    found = {}
    for name, module in peft.base_model.model.named_modules():
        if hasattr(module, "get_delta_weight"):
            delta = module.get_delta_weight(adapter)
            # Of an embedding PEFT gives (B·A) transposed, as its weight is; here it is B·A.
            delta = delta.T if isinstance(module.get_base_layer(), torch.nn.Embedding) else delta
            found[name] = [float(f"{x:.9g}") for x in delta.flatten().tolist()]
    return found


cases = []
for index, (kind, names, weights, rank) in enumerate(
    [
        ("cat", ["one", "two"], [0.4, 0.6], None),
        ("cat", ["one", "two", "three"], [1.0, -0.5, 0.25], None),
        ("svd", ["one", "two"], [0.4, 0.6], None),
        ("svd", ["one", "two", "three"], [1.0, -0.5, 0.25], 3),
        ("linear", ["one", "three"], [0.4, 0.6], None),
        ("linear", ["one", "three"], [1.5, -0.5], None),
    ]
):
    merged = f"merged-{index}"
    arguments = {"svd_rank": rank} if rank else {}
    peft.add_weighted_adapter(names, weights, merged, combination_type=kind, **arguments)
    cases.append(
        {
            "kind": kind,
            "parents": names,
            "weights": weights,
            "svdRank": rank,
            "rank": peft.peft_config[merged].r,
            "deltas": deltas(merged),
        }
    )
adapters = ",\n".join(f"{json.dumps(name)}: {json.dumps(deltas(name))}" for name in configs)
lines = ",\n".join(json.dumps(item) for item in cases)
(HERE / "adapters.json").write_text(f'{{"peft": "0.21.2",\n"adapters": {{\n{adapters}\n}},\n"cases": [\n{lines}\n]}}\n')
print(len(cases), "cases")
