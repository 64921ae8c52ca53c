"""Distributions that transformers' logits processors leave, for seeded random logits. Run in this folder."""

import json
from pathlib import Path

import torch
from transformers.generation import logits_process as lp

HERE = Path(__file__).parent
CASES = [
    {"temperature": 1.0},
    {"temperature": 0.7},
    {"temperature": 1.3, "topK": 7},
    {"temperature": 1.0, "topP": 0.8},
    {"temperature": 0.8, "topK": 20, "topP": 0.6},
    {"temperature": 1.5, "minP": 0.1},
    {"temperature": 0.9, "topK": 30, "topP": 0.95, "minP": 0.05, "repetitionPenalty": 1.3},
    {"temperature": 1.0, "repetitionPenalty": 1.8},
    {"temperature": 1.0, "repetitionPenalty": 0.8, "topK": 5},
]


def distribution(logits, tokens, case):
    scores = logits[None].clone()
    ids = torch.tensor([tokens])
    if "repetitionPenalty" in case:
        scores = lp.RepetitionPenaltyLogitsProcessor(case["repetitionPenalty"])(ids, scores)
    scores = lp.TemperatureLogitsWarper(case["temperature"])(ids, scores)
    if "topK" in case:
        scores = lp.TopKLogitsWarper(case["topK"])(ids, scores)
    if "topP" in case:
        scores = lp.TopPLogitsWarper(case["topP"])(ids, scores)
    if "minP" in case:
        scores = lp.MinPLogitsWarper(case["minP"])(ids, scores)
    probabilities = torch.softmax(scores[0].double(), 0)
    order = torch.argsort(probabilities, descending=True, stable=True)
    kept = [(int(i), float(probabilities[i])) for i in order if probabilities[i] > 0]
    return {"ids": [i for i, _ in kept], "probabilities": [float(f"{p:.9g}") for _, p in kept]}


def main():
    generator = torch.Generator().manual_seed(20261123)
    cases = []
    for options in CASES:
        logits = (torch.randn(60, generator=generator) * 2.5).float()
        tokens = torch.randint(0, 60, (12,), generator=generator).tolist()
        # Enough digits that the f32 value survives.
        rounded = [float(f"{v:.9g}") for v in logits.tolist()]
        cases.append({"options": options, "tokens": tokens, "logits": rounded, **distribution(logits, tokens, options)})
    (HERE / "distributions.json").write_text(json.dumps(cases) + "\n")


if __name__ == "__main__":
    main()
