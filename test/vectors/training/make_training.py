"""Reference training runs: PyTorch for the built-in model, transformers and PEFT for the tiny ones of ../models.

    python make_training.py      # writes NAME.json: losses and gradient norms of 20 steps, and the first step's gradients

Every document of a packed sequence is run by itself here, so that agreement also shows that packed documents do not see one
another. Of a gradient the file keeps its norm, its first elements and its products with four fixed waves over all
elements. Needs torch, transformers, peft; made with torch 2.15.0, transformers 5.23.0, peft 0.21.2, in f32 on the CPU.
"""

import json
import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
import transformers
from peft import LoraConfig, get_peft_model

HERE = Path(__file__).parent
ROOT = HERE.parents[2]
NO_TARGET = 0xFFFFFFFF
STEPS, WARM_UP, FINAL = 20, 4, 1e-5
BETAS, EPSILON, DECAY, CLIP = (0.9, 0.99), 1e-8, 0.05, 1.0

LLAMA = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
    "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm",
}
GPT2 = {
    "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down",
    "ln_1": "attn_norm", "ln_2": "ffn_norm",
}
WHOLE = {
    "wte": "token_embd", "wpe": "position_embd", "ln_f": "output_norm",
    "embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output",
}
GPT2_LINEARS = ["attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj"]
LLAMA_LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

RUNS = {
    "toy-full": dict(base="toy", peak=2e-3, documents=[[40, 24], [33]]),
    "toy-lora": dict(base="toy", peak=4e-3, documents=[[40, 24], [33]],
                     lora=dict(r=8, lora_alpha=16, target_modules=GPT2_LINEARS, fan_in_fan_out=True)),
    "llama-lora": dict(base="llama-hf", peak=1e-2, documents=[[30, 9, 2], [25]],
                       lora=dict(r=6, lora_alpha=12, use_rslora=True, target_modules=LLAMA_LINEARS)),
    "qwen2-lora": dict(base="qwen2-hf", peak=1e-2, documents=[[30, 9], [25]],
                       lora=dict(r=4, lora_alpha=8, target_modules=LLAMA_LINEARS)),
    "qwen3-lora": dict(base="qwen3-hf", peak=1e-2, documents=[[20, 9]],
                       lora=dict(r=4, lora_alpha=8, target_modules=["q_proj", "k_proj", "down_proj"])),
    "llama-full": dict(base="llama-hf", peak=1e-3, documents=[[20, 9], [25]]),
}


def canonical(name):
    """blk.0.attn_q.weight, blk.0.attn_q.lora_a …"""
    name = name.replace("base_model.model.", "").replace(".default.weight", "").replace("transformer.", "").replace("model.", "")
    parts = name.split(".")
    if parts[0] in ("h", "layers"):
        path, kind = ".".join(parts[2:-1]), parts[-1]
        return f"blk.{parts[1]}.{ {**LLAMA, **GPT2}[path] }.{kind.lower()}"
    return f"{WHOLE[parts[0]]}.{parts[-1]}"


def folder_of(base):
    return ROOT / "web/public/models/toy" if base == "toy" else HERE.parent / "models" / base


def make_sequences(documents, vocabulary, generator):
    sequences = []
    for lengths in documents:
        tokens, targets, starts = [], [], []
        for length in lengths:
            start = len(tokens)
            ids = torch.randint(1, vocabulary, (length + 1,), generator=generator).tolist()
            tokens += ids[:-1]
            # Every fifth place carries no loss.
            targets += [NO_TARGET if (start + i) % 5 == 2 else ids[i + 1] for i in range(length)]
            starts += [start] * length
        sequences.append(dict(tokens=tokens, targets=targets, starts=starts))
    return sequences


def loss_of(model, sequences):
    total, counted = 0.0, 0
    for sequence in sequences:
        tokens, targets, starts = (sequence[key] for key in ("tokens", "targets", "starts"))
        for start in sorted(set(starts)):
            places = [i for i, s in enumerate(starts) if s == start]
            logits = model(torch.tensor([[tokens[i] for i in places]])).logits[0]
            wanted = torch.tensor([-100 if targets[i] == NO_TARGET else targets[i] for i in places])
            total = total + F.cross_entropy(logits, wanted, reduction="sum", ignore_index=-100)
            counted += int((wanted >= 0).sum())
    return total / counted


def describe(gradient):
    g = gradient.detach().double().numpy().ravel()
    i = np.arange(g.size, dtype=np.float64)
    waves = [float((g * np.sin(frequency * i + 0.5)).sum()) for frequency in (0.37, 1.1, 2.03, 2.9)]
    return dict(elements=int(g.size), norm=float(np.sqrt((g * g).sum())), waves=waves, first=[float(v) for v in g[:6]])


def rate_at(peak, step):
    if step < WARM_UP:
        return peak * (step + 1) / WARM_UP
    progress = min(1.0, (step - WARM_UP) / max(1, STEPS - 1 - WARM_UP))
    return FINAL + (peak - FINAL) * 0.5 * (1 + math.cos(math.pi * progress))


def run(name, base, peak, documents, lora=None):
    torch.manual_seed(0)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder_of(base), dtype=torch.float32, attn_implementation="eager")
    vocabulary = model.config.vocab_size
    conv = type(model).__name__ == "GPT2LMHeadModel"
    if lora:
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", lora_dropout=0.0, **lora))
    model.train()
    for module in model.modules():  # the base's own dropout has no place here
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    trained = [(canonical(n), p) for n, p in model.named_parameters() if p.requires_grad]
    if lora:
        modules = sorted({n.rpartition(".")[0] for n, _ in trained})
        with torch.no_grad():
            for n, p in trained:
                module, _, kind = n.rpartition(".")
                m = modules.index(module)
                i = torch.arange(p.numel(), dtype=torch.float64)
                values = torch.sin(0.37 * i + m) * 0.5 / p.shape[1] ** 0.5 if kind == "lora_a" else torch.cos(0.73 * i + m) * 0.05
                p.copy_(values.float().reshape(p.shape))
    sequences = make_sequences(documents, vocabulary, torch.Generator().manual_seed(9740))
    groups = [
        dict(params=[p for _, p in trained if p.ndim >= 2], weight_decay=DECAY),
        dict(params=[p for _, p in trained if p.ndim < 2], weight_decay=0.0),
    ]
    optimiser = torch.optim.AdamW([g for g in groups if g["params"]], lr=peak, betas=BETAS, eps=EPSILON)
    losses, norms, gradients = [], [], {}
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(peak, step)
        optimiser.zero_grad()
        loss = loss_of(model, sequences)
        loss.backward()
        if step == 0:
            for n, p in trained:
                turned = conv and not lora and n.startswith("blk.") and p.ndim == 2
                gradients[n] = describe(p.grad.T.contiguous() if turned else p.grad)
        norms.append(float(torch.nn.utils.clip_grad_norm_([p for _, p in trained], CLIP)))
        optimiser.step()
        losses.append(loss.item())
    plan = dict(peak=peak, final=FINAL, warmUpSteps=WARM_UP, steps=STEPS, beta1=BETAS[0], beta2=BETAS[1], epsilon=EPSILON,
                weightDecay=DECAY, clipNorm=CLIP)
    golden = dict(base=base, plan=plan, sequences=sequences, losses=losses, norms=norms, gradients=gradients)
    if lora:
        targets = sorted({n.split(".")[2] for n, _ in trained})
        golden["lora"] = dict(targets=targets, rank=lora["r"], alpha=lora["lora_alpha"], rankStabilised=lora.get("use_rslora", False))
    (HERE / f"{name}.json").write_text(json.dumps(golden) + "\n")
    print(f"{name}: {len(trained)} tensors, loss {losses[0]:.4f} to {losses[-1]:.4f}, norm {norms[0]:.3f}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for name, options in RUNS.items():
        run(name, **options)
