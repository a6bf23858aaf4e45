"""Sessions wherever they run: begun once, extended where they are, handed over when a server goes down.

Where no store is shared, this process is the only replica.
"""
