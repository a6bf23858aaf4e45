"""The life of a request: its runs, the log that tells it, and all sessions of this process.

A `session` is run, extended and restored; `sessions` makes them and runs them, and the `archive` knows them until their
time is up. `stored` is what a store keeps of one.
"""
