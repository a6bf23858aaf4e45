"""Parts of gpu_smoke.py that are programs of their own: each prints what it measured as one line of JSON."""
