"""What a store keeps of a session, and how a session is made of it again.

A store has the `head`, which is what was asked, and the log: events, each with an account of what was done since the
one before (`trunk.account`, `panel.account`). A restore takes the same steps again, and checks that they lead to the
same events (`restore`). The law is `restore(log(s)) == s`, wherever the log is cut. `told` is what the events alone
say, to anybody.
"""
