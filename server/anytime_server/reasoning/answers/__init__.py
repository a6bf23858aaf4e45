"""What an answer says, as it comes and as a whole, and when several answers say the same.

The `final` answer streams. Interim answers are drafts, of which there is a `majority`; `agreement` tells which are the
same. The `best` is what a session has to say at any time.
"""
