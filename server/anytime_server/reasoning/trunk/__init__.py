"""One trunk: its thinking, and the answer that follows it.

What it generates, it generates in `legs`, by the `course` that its session sets. Each token goes through the `intake`
into the `transcript`, which is what was written; the `account` says so to a store, the `view` to a session.
"""
