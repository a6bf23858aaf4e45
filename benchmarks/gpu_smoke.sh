#!/bin/sh
# Everything that needs a GPU, on one card, within 25 minutes and without a network.
#
#   benchmarks/gpu_smoke.sh [--dry] [--at-once] [--out FOLDER] [--parts NAME...]
#
# One line of JSON a part on standard output; logs in FOLDER. --dry runs as much as a CPU can. Ends with 1 if a part
# failed. PYTHON names the interpreter.
set -eu
cd "$(dirname "$0")/.."
export HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1 HF_DATASETS_OFFLINE=1 VLLM_NO_USAGE_STATS=1 TOKENIZERS_PARALLELISM=false
export PYTHONPATH="client:server:training:benchmarks${PYTHONPATH:+:$PYTHONPATH}"
exec "${PYTHON:-python}" benchmarks/gpu_smoke.py "$@"
