"""LoRA adapters made by PEFT for the tiny models of ../models, and the logits PEFT gives with them.

    python make_peft.py          # writes NAME/adapter_config.json, adapter_model.safetensors, golden.json, logits.f32
    python make_peft.py check    # reads exported/NAME, written by this project, into PEFT and records its logits there

golden.json holds the prompt, logits.f32 the logits after each of its tokens, little-endian `[positions, vocabulary]`.
Needs torch, transformers, peft and safetensors; made with peft 0.21.2, transformers 5.23.0, torch 2.15.0.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model

HERE = Path(__file__).parent
MODELS = HERE.parent / "models"
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
ADAPTERS = {
    "gpt2": ("gpt2-hf", dict(r=4, lora_alpha=8, target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True)),
    "llama": ("llama-hf", dict(r=8, lora_alpha=16, use_rslora=True, target_modules=ALL)),
    "qwen2": ("qwen2-hf", dict(r=2, lora_alpha=4, target_modules=["q_proj", "v_proj"], lora_dropout=0.1)),
    "qwen3": ("qwen3-hf", dict(r=6, lora_alpha=3, target_modules=ALL)),
}


def load(name):
    return transformers.AutoModelForCausalLM.from_pretrained(MODELS / name, dtype=torch.float32).eval()


def prompt_of(name):
    return json.loads((MODELS / name / "golden.json").read_text())["prompt"]


def record(folder, model, prompt):
    with torch.no_grad():
        logits = model(torch.tensor([prompt])).logits[0].float()
        with model.disable_adapter():
            base = model(torch.tensor([prompt])).logits[0].float()
    change = (logits - base).abs().max().item()
    assert change > 0.05, f"{folder.name}: the adapter hardly changes anything ({change})"
    logits.numpy().astype("<f4").tofile(folder / "logits.f32")
    (folder / "golden.json").write_text(json.dumps({"prompt": prompt, "vocabulary": logits.shape[1]}) + "\n")
    print(f"{folder.name}: the adapter moves logits by up to {change:.2f}")


def make():
    for name, (base, options) in ADAPTERS.items():
        folder = HERE / name
        shutil.rmtree(folder, ignore_errors=True)
        generator = torch.Generator().manual_seed(9740)
        model = get_peft_model(load(base), LoraConfig(task_type="CAUSAL_LM", **options)).eval()
        with torch.no_grad():
            for key, p in model.named_parameters():
                if ".lora_" in key:
                    p.copy_(torch.randn(p.shape, generator=generator) * (0.3 if ".lora_A" in key else 0.2) / p.shape[1] ** 0.25)
        model.peft_config["default"].base_model_name_or_path = base
        model.save_pretrained(folder)
        (folder / "README.md").unlink(missing_ok=True)
        record(folder, model, prompt_of(base))


def check():
    for folder in sorted((HERE / "exported").iterdir()):
        base = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
        model = PeftModel.from_pretrained(load(base), folder).eval()
        record(folder, model, prompt_of(base))


if __name__ == "__main__":
    torch.set_num_threads(1)
    check() if sys.argv[1:] == ["check"] else make()
