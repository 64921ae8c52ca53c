"""Reference values for the built-in model, whose weights `npx centram train-toy` trains.

    python make_toy.py golden              # golden.json: logits and greedy text by transformers, from the committed file
    python make_toy.py text                # text.json: cleaning and held-out documents, by an implementation of their own
    python make_toy.py sample "The whale"  # what the model writes

Needs numpy, torch and transformers; `text` only Python.
"""

import argparse
import hashlib
import json
import math
import pathlib
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
MODEL = HERE.parents[2] / "web" / "public" / "models" / "toy"
GOLDEN = HERE / "golden.json"

CONTEXT, PARAMETERS = 128, 842_496
SEED = 9740
HELD_OUT = 0.05

# ---------------------------------------------------------------- text

# What NFKD leaves without an ASCII form: dashes, curly quotes and ligatures.
PLAIN = str.maketrans(
    dict(zip("\u2014\u2013\u2011\u2018\u2019\u201c\u201d\u0153\u0152\u00e6\u00c6", ["--", *"--''\"\"", "oe", "Oe", "ae", "Ae"]))
)


def clean(text: str) -> str:
    """Plain ASCII, single spaces, paragraphs kept. Accents lose their marks; what has no ASCII form is dropped."""
    text = unicodedata.normalize("NFKD", text.translate(PLAIN)).encode("ascii", "ignore").decode()
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.replace("\r", "").split("\n"))
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def is_held_out(corpus: str, file: str) -> bool:
    """Whole documents are held out, about 5 % of them, chosen by a hash of their name."""
    rank = int.from_bytes(hashlib.sha256(f"{SEED}/{corpus}/{file}".encode()).digest()[:4], "big") / 2**32
    return rank < HELD_OUT


TEXTS = [
    "Call me Ishmael.  Some years ago\u2014never mind how long precisely\u2014having little\tmoney",
    "\u201cCaf\u00e9\u201d \u2018na\u00efve\u2019 \u0153uvre, \u0152dipus, \u00e6ther, \u00c6sop; 1840\u20131850, non\u2011stop",
    "one\r\ntwo\r\n\r\n\r\n  three  \n\n\u2003\n four\x1cfive\x0bsix",
    "\ufeffcost \u00a35, \u00bd, \ufb01sh, \u2116 7, \U0001f40b, 100\u00a0000 \u2026 \u00df \u0142",
    "",
    "\n \n",
]


def text() -> None:
    names = [("moby-dick", f"chapter_{i}.txt") for i in range(136)] + [("sotu", f"george_washington_{i}.txt") for i in range(64)]
    document = {
        "about": "made by make_toy.py text",
        "seed": SEED,
        "cleaned": [{"text": one, "clean": clean(one)} for one in TEXTS],
        "names": {corpus: [file for of, file in names if of == corpus] for corpus in ("moby-dick", "sotu")},
        "heldOut": {
            corpus: [file for of, file in names if of == corpus and is_held_out(corpus, file)]
            for corpus in ("moby-dick", "sotu")
        },
    }
    (HERE / "text.json").write_text(json.dumps(document, indent=1) + "\n")


# ---------------------------------------------------------------- golden values

PROMPTS = [
    "T",
    "The whale",
    "Fellow-citizens of the Senate and House of Representatives: ",
    'Captain Ahab looked upon the sea, and said, "',
    "caf\u00e9 \U0001f40b",  # bytes above 127, which training never showed
]


def reference():
    import torch
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS
    return model


def golden() -> None:
    import torch

    torch.set_grad_enabled(False)
    model = reference()

    def logits_of(tokens: list[int]):
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
        "about": "transformers, f32, from web/public/models/toy/model.safetensors; made by make_toy.py golden",
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
    import torch

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
    parser.add_argument("command", choices=["golden", "text", "sample"])
    parser.add_argument("prompt", nargs="?", default="The ")
    parser.add_argument("--temperature", type=float, default=0.5)
    options = parser.parse_args()
    if options.command == "golden":
        golden()
    if options.command == "text":
        text()
    if options.command == "sample":
        sample(options.prompt, options.temperature)


if __name__ == "__main__":
    main()
