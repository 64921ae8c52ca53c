"""Golden token ids for every kind of tokenizer, by the tokenizers and sentencepiece packages.

Run `python make_tokenizers.py [SmolLM2.gguf]` in this folder; it needs tokenizers, sentencepiece and (for the GGUF) gguf. It trains
small vocabularies with each real pre-tokenizer on the Python manual's prose (pydoc_data.topics, PSF licence) and on
texts.json, and writes NAME.json: what the tokenizer is built from, and the ids of every text in texts.json. With the
GGUF it writes smollm2.json and smollm2-merges.u16: the real vocabulary, whose tokens follow from its merges.
"""

import io
import json
import sys
from pathlib import Path

import numpy as np
import sentencepiece as spm
from pydoc_data import topics
from sentencepiece import sentencepiece_model_pb2 as model_pb2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = Path(__file__).parent
TEXTS = json.loads((HERE / "texts.json").read_text("utf-8"))
CORPUS = [line for topic in topics.topics.values() for line in topic.splitlines(keepends=True)][:6000] + TEXTS * 4
VOCABULARY = 700

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(use_regex=False):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


# As the models ship them; `default` is what llama.cpp does for files that name none.
PRE = {
    "gpt-2": byte_level(True),
    "smollm": pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level(True)]),
    "llama-bpe": pre_tokenizers.Sequence([split(LLAMA3), byte_level()]),
    "qwen2": pre_tokenizers.Sequence([split(QWEN2), byte_level()]),
    "default": pre_tokenizers.Sequence(
        [split(r"[\p{P}\$\+<=>\^~\|]+"), split(GPT2), split(r"\p{N}+"), split("[0-9][0-9][0-9]"), byte_level()]
    ),
}


def byte_level_tokenizer(pre):
    tokenizer = Tokenizer(models.BPE(ignore_merges=pre == "llama-bpe"))
    tokenizer.pre_tokenizer = PRE[pre]
    tokenizer.decoder = decoders.ByteLevel()
    if pre == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    if pre == "llama-bpe":
        tokenizer.post_processor = processors.Sequence(
            [
                processors.ByteLevel(trim_offsets=False),
                processors.TemplateProcessing(single="<|im_start|> $A", pair=None, special_tokens=[("<|im_start|>", 1)]),
            ]
        )
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=SPECIAL,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def ids(tokenizer):
    return [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]


def write(name, value):
    (HERE / f"{name}.json").write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n", "utf-8")


def byte_level_vectors():
    for pre in PRE:
        tokenizer = byte_level_tokenizer(pre)
        whole = json.loads(tokenizer.to_str())
        vocabulary = sorted(whole["model"]["vocab"].items(), key=lambda item: item[1])
        assert [token for token, _ in vocabulary][:3] == SPECIAL
        write(
            f"bpe-{pre}",
            {
                "pre": pre,
                "tokens": [token for token, _ in vocabulary],
                "merges": [" ".join(pair) if isinstance(pair, list) else pair for pair in whole["model"]["merges"]],
                "ids": ids(tokenizer),
            },
        )
        if pre in ("smollm", "llama-bpe", "qwen2"):
            leading = [tokenizer.encode(text).ids for text in TEXTS[:4]]
            write(f"hf-{pre}", {"tokenizer": whole, "ids": ids(tokenizer), "leading": leading})


def train_sentencepiece():
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([text for text in CORPUS if "\0" not in text]),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        character_coverage=0.99,
        byte_fallback=True,
        # As Llama 2's own model was trained.
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        add_dummy_prefix=True,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        max_sentence_length=16384,
        user_defined_symbols=["<|im_start|>", "<|im_end|>"],
        num_threads=1,
        minloglevel=2,
    )
    return spm.SentencePieceProcessor(model_proto=model.getvalue())


def sentencepiece_vectors():
    processor = train_sentencepiece()
    proto = model_pb2.ModelProto()
    proto.ParseFromString(processor.serialized_model_proto())
    pieces = [(piece.piece, piece.score, piece.type) for piece in proto.pieces]
    write(
        "sentencepiece",
        {
            "tokens": [piece for piece, _, _ in pieces],
            "scores": [score for _, score, _ in pieces],
            "types": [kind for _, _, kind in pieces],
            "bos": processor.bos_id(),
            "eos": processor.eos_id(),
            "ids": [processor.encode(text) for text in TEXTS],
        },
    )
    return pieces


def llama2_vectors(pieces):
    """The same pieces as transformers converts Llama 2's: merges from scores, the space by a normalizer."""
    vocabulary = {piece: i for i, (piece, _, _) in enumerate(pieces)}
    scores = {piece: score for piece, score, kind in pieces if kind == 1}
    merges = []
    for piece, score in scores.items():
        local = [(piece[:i], piece[i:]) for i in range(1, len(piece)) if piece[:i] in vocabulary and piece[i:] in vocabulary]
        merges += [(pair, score) for pair in sorted(local, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))]
    merges = [pair for pair, _ in sorted(merges, key=lambda item: item[1], reverse=True)]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair=None, special_tokens=[("<s>", 1)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in ("<unk>", "<s>", "</s>")])
    leading = [tokenizer.encode(text).ids for text in TEXTS[:4]]
    write("hf-llama2", {"tokenizer": json.loads(tokenizer.to_str()), "ids": ids(tokenizer), "leading": leading})


def smollm2_vectors(path):
    import gguf

    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [merge.split(" ") for merge in fields["tokenizer.ggml.merges"].contents()]
    types = fields["tokenizer.ggml.token_type"].contents()
    index = {token: i for i, token in enumerate(tokens)}
    whole = [token for token, kind in zip(tokens, types) if kind == 3]
    base = len(tokens) - len(merges)
    assert tokens[base:] == ["".join(pair) for pair in merges] and tokens[: len(whole)] == whole
    np.array([[index[a], index[b]] for a, b in merges], dtype="<u2").tofile(HERE / "smollm2-merges.u16")

    tokenizer = Tokenizer(models.BPE(index, [tuple(pair) for pair in merges]))
    tokenizer.pre_tokenizer = PRE["smollm"]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False) for token in whole])
    # Template-like and long texts beside the shared ones.
    write("smollm2", {"special": whole, "alphabet": tokens[len(whole) : base], "ids": ids(tokenizer)})


byte_level_vectors()
llama2_vectors(sentencepiece_vectors())
if len(sys.argv) > 1:
    smollm2_vectors(sys.argv[1])
