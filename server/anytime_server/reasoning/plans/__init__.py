"""What is asked, made definite: a `Plan` holds everything that a session needs to know before it starts.

`making` puts a plan together part by part, and refuses what can't be; `planning` does so for many requests, in threads.
A `continuation` is a plan of its own kind: it only answers.
"""
