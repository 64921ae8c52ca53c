"""Golden values for worker/core/numeric: block formats by gguf-py, operations by PyTorch in double.

Writes dequantise.json and operations.json beside itself. Needs: gguf, numpy, torch, transformers.
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np
import torch
import torch.nn.functional as F
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

HERE = Path(__file__).parent
rng = np.random.default_rng(20)
torch.manual_seed(20)
TYPES = ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
# Where a block keeps its half-precision scales.
HALVES = {"Q8_0": [0], "Q4_0": [0], "Q5_0": [0], "Q4_1": [0, 2], "Q5_1": [0, 2], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208]}


def encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def random_blocks(name: str, count: int) -> np.ndarray:
    """Every quant bit random, scales finite."""
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]][1]
    blocks = rng.integers(0, 256, (count, size), dtype=np.uint8)
    for at in HALVES.get(name, []):
        scales = rng.standard_normal(count).astype(np.float16)
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    return blocks


formats = []
for name in TYPES:
    qtype = gguf.GGMLQuantizationType[name]
    if name in HALVES:
        data = random_blocks(name, 2 if name.endswith("K") else 4).reshape(1, -1)
    else:
        values = (rng.standard_normal((1, 64)) * 3).astype(np.float32)
        values[0, :4] = [0, -0.0, 6e-8, 65504]  # signed zero, a subnormal half, the largest half
        data = gguf.quantize(values, qtype)
    values = gguf.dequantize(data, qtype)
    formats.append({"dtype": name, "bytes": encode(data), "values": encode(values.astype(np.float32))})
(HERE / "dequantise.json").write_text(json.dumps(formats, indent=1) + "\n")


def f32(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return (torch.randn(*shape) * scale).float()


def case(expected: torch.Tensor, **inputs) -> dict:
    out = {key: encode(v.numpy()) if isinstance(v, torch.Tensor) else v for key, v in inputs.items()}
    return {**out, "expected": encode(expected.float().numpy())}


x, w, b = f32(3, 20, scale=2), f32(20), f32(20)
heads, kv_heads, dim, position, columns = 6, 2, 8, 5, 4
length = position + columns
q, k, v = f32(columns, heads, dim, scale=2), f32(length, kv_heads, dim, scale=2), f32(length, kv_heads, dim)


def attend() -> torch.Tensor:
    mask = torch.ones(columns, length, dtype=torch.bool).tril(position)
    groups = heads // kv_heads
    out = F.scaled_dot_product_attention(
        q.double().transpose(0, 1),
        k.double().transpose(0, 1).repeat_interleave(groups, 0),
        v.double().transpose(0, 1).repeat_interleave(groups, 0),
        attn_mask=mask,
    )
    return out.transpose(0, 1)


def rotate_half_layout(head: torch.Tensor, base: float, at: int, divisors: torch.Tensor) -> torch.Tensor:
    inverse = base ** (-torch.arange(0, head.shape[-1], 2).double() / head.shape[-1]) / divisors.double()
    angles = torch.cat([at * inverse, at * inverse])[None, None]
    rotated, _ = apply_rotary_pos_emb(head.double()[None, None, None], head.double()[None, None, None], angles.cos(), angles.sin())
    return rotated[0, 0, 0]


def rotate_interleaved(head: torch.Tensor, base: float, at: int) -> torch.Tensor:
    inverse = base ** (-torch.arange(0, head.shape[-1], 2).double() / head.shape[-1])
    turned = torch.view_as_complex(head.double().reshape(-1, 2)) * torch.polar(torch.ones_like(inverse), at * inverse)
    return torch.view_as_real(turned).flatten()


head, divisors = f32(16), torch.rand(8) * 7 + 1
weights, bias = f32(7, 20), f32(7)
operations = {
    "rmsNorm": case(F.rms_norm(x.double(), (20,), w.double(), 1e-5), input=x, weight=w, epsilon=1e-5),
    "layerNorm": case(F.layer_norm(x.double(), (20,), w.double(), b.double(), 1e-5), input=x, weight=w, bias=b, epsilon=1e-5),
    "gelu": case(F.gelu(x.double() * 2, approximate="tanh"), input=x * 2),
    "siluMultiply": case(F.silu(x.double()) * b.double(), gate=x, up=b.expand(3, 20).contiguous()),
    "multiply": case(F.linear(x.double(), weights.double(), bias.double()), input=x, weights=weights, bias=bias),
    "attention": case(attend(), query=q, keys=k, values=v, heads=heads, kvHeads=kv_heads, headDim=dim, position=position, columns=columns),
    "ropeHalf": case(rotate_half_layout(head, 10000.0, 77, divisors), head=head, divisors=divisors, base=10000.0, position=77),
    "ropeInterleaved": case(rotate_interleaved(head, 500000.0, 1234), head=head, base=500000.0, position=1234),
}
(HERE / "operations.json").write_text(json.dumps(operations, indent=1) + "\n")
