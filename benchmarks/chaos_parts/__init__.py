"""Chaos: what sessions make of engines, servers and connections that die under them, beside a run that nothing disturbs."""
