"""Writes vectors.json: contents as another implementation would make them, from docs/content.md and nothing of this project's code.

python3 test/vectors/content/make.py
"""

import hashlib
import json
from pathlib import Path


def byte_string(file: int, length: int) -> bytes:
    return bytes((i * 31 + file * 7 + (i >> 8)) & 255 for i in range(length))


def head(major: int, value: int) -> bytes:
    """RFC 8949 §4.2.1: the shortest form."""
    if value < 24:
        return bytes([major << 5 | value])
    for size, info in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if value < 1 << 8 * size:
            return bytes([major << 5 | info]) + value.to_bytes(size, "big")
    raise ValueError(value)


def cbor(value) -> bytes:
    if isinstance(value, int):
        return head(0, value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode()
        return head(3, len(text)) + text
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    entries = sorted((cbor(key), cbor(item)) for key, item in value.items())
    return head(5, len(entries)) + b"".join(key + item for key, item in entries)


def leaf(chunk: bytes) -> bytes:
    return hashlib.sha256(b"\0" + chunk).digest()


def split(count: int) -> int:
    """RFC 6962 §2.1: the largest power of two below count."""
    power = 1
    while power * 2 < count:
        power *= 2
    return power


def root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    at = split(len(leaves))
    return hashlib.sha256(b"\1" + root(leaves[:at]) + root(leaves[at:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    at = split(len(leaves))
    if index < at:
        return path(index, leaves[:at]) + [root(leaves[at:])]
    return path(index - at, leaves[at:]) + [root(leaves[:at])]


def content(kind: str, sizes: dict[str, int], chunk_bytes: int) -> dict:
    files = sorted(sizes.items())
    chunks = []
    for number, (_, size) in enumerate(files):
        data = byte_string(number, size)
        chunks += [data[at : at + chunk_bytes] for at in range(0, size, chunk_bytes)]
    leaves = [leaf(chunk) for chunk in chunks]
    manifest = cbor(
        {
            "kind": kind,
            "files": [{"path": name, "bytes": size} for name, size in files],
            "bytes": sum(sizes.values()),
            "chunkBytes": chunk_bytes,
            "chunks": len(chunks),
            "root": root(leaves),
        }
    )
    return {
        "kind": kind,
        "files": [{"path": name, "bytes": size} for name, size in files],
        "chunkBytes": chunk_bytes,
        "id": hashlib.sha256(manifest).hexdigest(),
        "manifest": manifest.hex(),
        "leaves": [one.hex() for one in leaves],
        "proofs": [[one.hex() for one in path(index, leaves)] for index in range(len(leaves))],
    }


VECTORS = [
    content("other", {"one": 1}, 1024),
    content("model", {"model.gguf": 5000}, 1024),
    content("model", {"model.safetensors": 7168, "config.json": 600, "tokenizer.json": 1025}, 1024),
    content("genome", {"genome.cbor": 300, "adapter_model.safetensors": 600_000}, 262_144),
]
Path(__file__).with_name("vectors.json").write_text(json.dumps(VECTORS, indent=2) + "\n")
