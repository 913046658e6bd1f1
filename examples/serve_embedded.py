"""Serves the embedded language model as an OpenAI-compatible server on this machine, with llama.cpp's own server.

Usage: python examples/serve_embedded.py [--port 8080] [--model FILE.gguf]
It prints its address; then, in another terminal:

    foveal ask "…" --index DIR --model openai:embedded@http://127.0.0.1:8080/v1
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path
from typing import Any

from foveal.tools.embed.weights import WeightStore
from foveal.tools.models.embedded import available_cores
from foveal.tools.models.openmp import sleep_at_barriers


def serve(path: Path, *, port: int = 0, threads: int | None = None, context: int = 4096, slots: int = 2) -> Any:
    """Return llama.cpp's server on a loopback port (0: any that is free); it runs until it is let go.

    *context* is tokens a slot. ``listening_address`` is where it is.
    """
    sleep_at_barriers()
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {"embedded"}
    params.hostnames = ["127.0.0.1"]
    params.port = port
    params.n_ctx = context * slots
    params.n_parallel = slots
    params.kv_unified = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads or available_cores()
    # with flash attention a reply depends on how a prompt was cut into steps; `embedded` does without it too
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.use_jinja = True
    params.fit_params = params.warmup = params.ui = False
    params.verbosity = -1
    return xllamacpp.Server(params)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--model", type=Path, help="a GGUF file; default: the embedded weights")
    given = parser.parse_args()
    server = serve(given.model or WeightStore().path_of("text-model"), port=given.port)
    print(f"{server.listening_address}/v1", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
