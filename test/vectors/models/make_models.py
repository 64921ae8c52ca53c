"""Tiny seeded models of every family, as Hugging Face folders and as GGUF files, with logits by transformers.

Run `python make_models.py` in this folder; it needs torch, transformers, safetensors, tokenizers and gguf. Of each model
it writes NAME/golden.json (tokens, greedy continuation) and NAME/logits.f32 (little-endian f32, `[positions + 1, vocabulary]`:
the logits after each token of `prompt`, then those after the whole of `longPrompt`).

The reference of a quantised file is transformers run in f32 on the weights that gguf's own `dequantize` reads back
from the blocks as they were written, so quantisation error is no part of any comparison.
"""

import json
import shutil
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from gguf import GGMLQuantizationType as Q
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
VOCABULARY = 320
CONTEXT = 256
PROMPT = 11
LONG_PROMPT = 150
GREEDY = 20
# Greedy choices closer than this would make the expected tokens a matter of rounding.
GAP = 5e-3

TEXT = (
    "Call me Ishmael. Some years ago, never mind how long precisely, having little or no money in my purse, and "
    "nothing particular to interest me on shore, I thought I would sail about a little and see the watery part of "
    "the world. It is a way I have of driving off the spleen and regulating the circulation. "
)


def make_tokenizer():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXT], trainer)
    assert tokenizer.get_vocab_size() == VOCABULARY, tokenizer.get_vocab_size()
    return tokenizer


def init(model, generator):
    """Random weights large enough that logits vary and attention is far from uniform."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if "norm" in name or "ln_" in name:
                p.copy_(noise * 0.2 + (0 if name.endswith("bias") else 1))
            elif name.endswith("bias"):
                p.copy_(noise * 0.3)
            elif any(part in name for part in ("embed", "wte", "wpe", "lm_head")):
                p.copy_(noise * 0.35)
            else:
                fan_in = p.shape[0] if isinstance(owner(model, name), transformers.pytorch_utils.Conv1D) else p.shape[1]
                p.copy_(noise * 1.6 / fan_in**0.5)
    return model.eval()


def owner(model, parameter):
    return model.get_submodule(parameter.rpartition(".")[0])


def logits_of(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float()


def write_golden(folder, model, generator):
    """Draws prompts until the greedy continuation has no near-ties, then records what the model says."""
    for _ in range(200):
        prompt = torch.randint(1, VOCABULARY, (PROMPT,), generator=generator).tolist()
        long_prompt = torch.randint(1, VOCABULARY, (LONG_PROMPT,), generator=generator).tolist()
        greedy, tokens, gap = [], list(prompt), 1e9
        for _ in range(GREEDY):
            top = torch.topk(logits_of(model, tokens)[-1], 2)
            gap = min(gap, (top.values[0] - top.values[1]).item())
            greedy.append(top.indices[0].item())
            tokens.append(greedy[-1])
        if gap > GAP and len(set(greedy)) >= 6:
            break
    else:
        raise SystemExit(f"{folder.name}: no prompt without near-ties")
    rows = torch.cat([logits_of(model, prompt), logits_of(model, long_prompt)[-1:]])
    rows.numpy().astype("<f4").tofile(folder / "logits.f32")
    golden = {"prompt": prompt, "longPrompt": long_prompt, "greedy": greedy, "vocabulary": VOCABULARY}
    (folder / "golden.json").write_text(json.dumps(golden) + "\n")
    print(f"{folder.name}: logit std {rows.std():.2f}, least gap {gap:.4f}, {len(set(greedy))} different greedy tokens")


def fresh(name):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


# ---- Hugging Face folders ----


def write_hf(name, config, generator, tokenizer, dtype_of, shards=1, legacy_rope=False):
    folder = fresh(name)
    torch.manual_seed(0)
    model = init(transformers.AutoModelForCausalLM.from_config(config).float(), generator)
    state = {k: v for k, v in model.state_dict().items() if not (config.tie_word_embeddings and k == "lm_head.weight")}
    stored = {k: v.to(dtype_of(k, i)).contiguous() for i, (k, v) in enumerate(state.items())}
    model.load_state_dict({k: v.float() for k, v in stored.items()}, strict=False)

    if shards == 1:
        save_file(stored, folder / "model.safetensors", metadata={"format": "pt"})
    else:
        index = {"metadata": {"total_size": sum(v.nbytes for v in stored.values())}, "weight_map": {}}
        names = list(stored)
        for part in range(shards):
            file = f"model-{part + 1:05d}-of-{shards:05d}.safetensors"
            piece = names[len(names) * part // shards : len(names) * (part + 1) // shards]
            save_file({k: stored[k] for k in piece}, folder / file, metadata={"format": "pt"})
            index["weight_map"].update({k: file for k in piece})
        (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")

    fields = config.to_dict()
    fields["architectures"] = [type(model).__name__]
    fields["torch_dtype"] = "float32"
    if legacy_rope:  # as every release before transformers 5 wrote it
        rope = fields.pop("rope_parameters")
        fields["rope_theta"] = rope.pop("rope_theta")
        fields["rope_scaling"] = None if rope.get("rope_type") == "default" else rope
    (folder / "config.json").write_text(json.dumps(fields, indent=1, sort_keys=True) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"eos_token": "<|endoftext|>", "tokenizer_class": "PreTrainedTokenizerFast"}) + "\n"
    )
    write_golden(folder, model, generator)


# ---- GGUF ----

LLAMA_NAMES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
GPT_NAMES = {
    "transformer.wte.weight": "token_embd.weight",
    "transformer.wpe.weight": "position_embd.weight",
    "transformer.ln_f.weight": "output_norm.weight",
    "transformer.ln_f.bias": "output_norm.bias",
    "ln_1": "attn_norm",
    "attn.c_attn": "attn_qkv",
    "attn.c_proj": "attn_output",
    "ln_2": "ffn_norm",
    "mlp.c_fc": "ffn_up",
    "mlp.c_proj": "ffn_down",
}


def gguf_name(name, names):
    if name in names:
        return names[name]
    parts = name.split(".")
    layer = next(i for i, p in enumerate(parts) if p.isdigit())
    return f"blk.{parts[layer]}.{names['.'.join(parts[layer + 1 : -1])]}.{parts[-1]}"


def permute(weights, heads):
    """Rows of Q and K from rotate-halves order to rotate-pairs order, as GGUF keeps them for the llama architecture."""
    rows = weights.shape[0]
    return weights.reshape(heads, 2, rows // heads // 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def unpermute(weights, heads):
    rows = weights.shape[0]
    return weights.reshape(heads, rows // heads // 2, 2, *weights.shape[1:]).swapaxes(1, 2).reshape(weights.shape)


def random_k_blocks(shape, kind, scale, rng):
    """Valid random K-quant blocks (gguf cannot quantise to them): random bits, small scales, all-positive f16 headers."""
    elements, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (shape[0] * shape[1] // elements, size), dtype=np.uint8)

    def half(values):
        return values.astype("<f2").view(np.uint8).reshape(len(values), 2)

    wobble = rng.uniform(0.7, 1.3, (2, len(blocks)))
    if kind == Q.Q6_K:  # ql 128, qh 64, scales 16 × int8, d; values up to 32 × 127
        blocks[:, 192:208] = rng.integers(-40, 41, (len(blocks), 16)).astype(np.int8).view(np.uint8)
        blocks[:, 208:210] = half(scale * wobble[0] / (18 * 23))
    else:  # d, dmin, 12 bytes of 6-bit scales and mins, [qh 32,] qs 128: d·sc·q − dmin·m, near zero mean
        levels = 15 if kind == Q.Q4_K else 31
        blocks[:, 0:2] = half(scale * wobble[0] / (31 * levels * 0.35))
        blocks[:, 2:4] = half(scale * wobble[1] * 0.5 / (31 * 0.35))
    return blocks.reshape(shape[0], -1)


def write_gguf(name, config, generator, tokenizer, type_of, rng, rope_freqs=False):
    folder = fresh(name)
    torch.manual_seed(0)
    model = init(transformers.AutoModelForCausalLM.from_config(config).float(), generator)
    arch = config.model_type
    names = GPT_NAMES if arch == "gpt2" else LLAMA_NAMES
    writer = gguf.GGUFWriter(folder / "model.gguf", arch)
    writer.add_name(name)
    writer.add_context_length(CONTEXT)
    writer.add_vocab_size(VOCABULARY)
    if arch == "gpt2":
        writer.add_embedding_length(config.n_embd)
        writer.add_block_count(config.n_layer)
        writer.add_feed_forward_length(4 * config.n_embd)
        writer.add_head_count(config.n_head)
        writer.add_layer_norm_eps(config.layer_norm_epsilon)
    else:
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        writer.add_embedding_length(config.hidden_size)
        writer.add_block_count(config.num_hidden_layers)
        writer.add_feed_forward_length(config.intermediate_size)
        writer.add_head_count(config.num_attention_heads)
        writer.add_head_count_kv(config.num_key_value_heads)
        writer.add_layer_norm_rms_eps(config.rms_norm_eps)
        writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
        if arch == "llama":
            writer.add_rope_dimension_count(head_dim)
        if arch == "qwen3":
            writer.add_key_length(head_dim)
            writer.add_value_length(head_dim)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q4_0)

    vocabulary = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if arch.startswith("qwen") else "gpt-2")
    writer.add_token_list([token for token, _ in vocabulary])
    writer.add_token_types([3 if token == "<|endoftext|>" else 1 for token, _ in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]])
    writer.add_eos_token_id(0)
    writer.add_bos_token_id(0)
    writer.add_add_bos_token(False)

    if rope_freqs:
        # transformers keeps scaled inverse frequencies; the file keeps what the plain ones are divided by.
        rotary = model.model.rotary_emb
        plain = 1.0 / config.rope_parameters["rope_theta"] ** (torch.arange(0, head_dim, 2) / head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / rotary.inv_freq).numpy().astype(np.float32))

    loaded = {}
    for key, value in model.state_dict().items():
        if config.tie_word_embeddings and key == "lm_head.weight":
            continue
        target = gguf_name(key, names)
        weights = value.numpy().astype(np.float32)
        conv = weights.ndim == 2 and arch == "gpt2" and "transformer.h." in key
        heads = 0
        if arch == "llama" and ".attn_q." in target:
            heads = config.num_attention_heads
        if arch == "llama" and ".attn_k." in target:
            heads = config.num_key_value_heads
        if conv:
            weights = weights.T.copy()
        if heads:
            weights = permute(weights, heads).copy()
        kind = Q.F32 if weights.ndim == 1 else type_of(target)
        if kind in (Q.Q4_K, Q.Q5_K, Q.Q6_K):
            data = random_k_blocks(weights.shape, kind, float(weights.std()), rng)
            ratio = gguf.dequantize(data, kind).std() / weights.std()
            assert 0.5 < ratio < 2, (target, kind, ratio)
        else:
            data = gguf.quantize(weights, kind)
        writer.add_tensor(target, data, raw_dtype=kind)
        back = gguf.dequantize(data, kind).astype(np.float32).reshape(weights.shape)
        if heads:
            back = unpermute(back, heads)
        if conv:
            back = back.T
        loaded[key] = torch.from_numpy(back.copy())
    model.load_state_dict(loaded, strict=False)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    write_golden(folder, model, generator)


# ---- the models ----

LLAMA3_SCALING = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def shape(**fields):
    base = dict(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        bos_token_id=0,
        eos_token_id=0,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        attn_implementation="eager",
    )
    return {**base, **fields}


def gpt2(**fields):
    base = dict(vocab_size=VOCABULARY, n_positions=CONTEXT, n_layer=3, bos_token_id=0, eos_token_id=0)
    return transformers.GPT2Config(**{**base, **fields})


def main():
    tokenizer = make_tokenizer()
    generator = torch.Generator().manual_seed(20261123)
    rng = np.random.default_rng(20261123)
    f32, f16, bf16 = torch.float32, torch.float16, torch.bfloat16
    matrix = lambda other: lambda name, i: f32 if "norm" in name or "ln_" in name or name.endswith("bias") else other
    only = lambda kind: lambda target: kind

    # A width that no power of two above 16 divides.
    write_hf("gpt2-hf", gpt2(n_embd=48, n_head=3), generator, tokenizer, matrix(f16))
    write_hf("llama-hf", transformers.LlamaConfig(**shape()), generator, tokenizer, lambda name, i: bf16)
    untied = shape(
        num_key_value_heads=1, num_hidden_layers=4, tie_word_embeddings=False, rope_parameters=dict(LLAMA3_SCALING)
    )
    write_hf(
        "llama-hf-sharded",
        transformers.LlamaConfig(**untied),
        generator,
        tokenizer,
        lambda name, i: (f32, f16, bf16)[i % 3],
        shards=3,
        legacy_rope=True,
    )
    qwen2 = shape(rms_norm_eps=1e-6, intermediate_size=112, rope_parameters={"rope_type": "default", "rope_theta": 1e6})
    write_hf("qwen2-hf", transformers.Qwen2Config(**qwen2), generator, tokenizer, matrix(f16), legacy_rope=True)
    qwen3 = {**qwen2, "head_dim": 24, "intermediate_size": 96}
    write_hf("qwen3-hf", transformers.Qwen3Config(**qwen3), generator, tokenizer, matrix(bf16))

    write_gguf("gpt2-gguf-q8_0", gpt2(n_embd=64, n_head=4, n_layer=2), generator, tokenizer, only(Q.Q8_0), rng)
    write_gguf("llama-gguf-q4_0", transformers.LlamaConfig(**shape()), generator, tokenizer, only(Q.Q4_0), rng)

    mixed = {"attn_q": Q.Q4_1, "attn_k": Q.Q5_0, "attn_v": Q.F16, "ffn_down": Q.BF16, "ffn_up": Q.Q5_1}
    mix = lambda target: mixed.get(target.split(".")[-2], Q.Q4_1)
    write_gguf("llama-gguf-mixed", transformers.LlamaConfig(**untied), generator, tokenizer, mix, rng, rope_freqs=True)

    write_gguf("qwen2-gguf-q5_0", transformers.Qwen2Config(**{**qwen2, "intermediate_size": 96}), generator, tokenizer, only(Q.Q5_0), rng)
    write_gguf("qwen3-gguf-q5_1", transformers.Qwen3Config(**qwen3), generator, tokenizer, only(Q.Q5_1), rng)

    wide = shape(
        hidden_size=256, intermediate_size=256, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
        head_dim=64,
    )  # fmt: skip

    def k_mix(target):
        part = target.split(".")[-2]
        if part == "attn_output":  # 128 columns are no whole block of 256
            return Q.Q5_0
        if part in ("attn_v", "ffn_down", "token_embd"):
            return Q.Q6_K
        return Q.Q4_K if target.startswith("blk.0.") else Q.Q5_K

    write_gguf("llama-gguf-k", transformers.LlamaConfig(**wide), generator, tokenizer, k_mix, rng)


if __name__ == "__main__":
    main()
