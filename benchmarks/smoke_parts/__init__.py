"""Parts of gpu_smoke.py that are programs of their own: each prints what it measured as one line of JSON."""

SMALL_CACHE = {"gpu_memory_utilization": 0.05, "kv_cache_memory_bytes": 2**30}
"""vLLM's options for random models of a few layers: they leave the card to what else runs on it."""
