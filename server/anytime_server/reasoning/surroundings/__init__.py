"""What a trunk finds around it: of its session, and of the process that all sessions share.

A session has a `beginning`, what its trunks have in `common`, and a `tally` of tokens and times. Its `surroundings` are
the engine, the settings, the store; an `observer` is told what happens.
"""
