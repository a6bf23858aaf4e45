"""Chaos: engines, servers and connections die under sessions, which are compared with a run that nothing disturbs."""
