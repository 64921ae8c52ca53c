"""The other side of the merge benchmark: mergekit on the files that merge-bench.ts names, one request a line.

Timed is what Centram is timed for: open the files, read the tensors, merge, write the result as safetensors. Importing
Python's packages is not.
"""

import json
import sys
import time

import torch
from safetensors.torch import load_file, save_file

from importlib.metadata import version
from mergekit.merge_methods.api import merge_state_dicts

DEFAULT_THREADS = torch.get_num_threads()


def merge(request):
    torch.set_num_threads(request["threads"] or DEFAULT_THREADS)
    start, processor = time.perf_counter(), time.process_time()
    with torch.no_grad():
        models = {path: load_file(path) for path in request["inputs"]}
        merged = merge_state_dicts(
            models, request["operator"], parameters=request["parameters"], base=request["base"]
        )
        save_file({name: tensor.contiguous() for name, tensor in merged.items()}, request["out"])
    return {
        "milliseconds": 1000 * (time.perf_counter() - start),
        "processorMs": 1000 * (time.process_time() - processor),
    }


def say(message):
    print(json.dumps(message), flush=True)


say({"mergekit": version("mergekit"), "torch": torch.__version__, "threads": DEFAULT_THREADS})
for line in sys.stdin:
    try:
        say(merge(json.loads(line)))
    except Exception as error:  # The driver reports it and goes on with the next operator.
        say({"error": f"{type(error).__name__}: {error}"})
