"""Answers in time: when the thinking has to close for it, how long a run waits, and how fast all sessions are."""
