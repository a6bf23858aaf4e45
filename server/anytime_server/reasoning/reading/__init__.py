"""What a session is read by, wherever it runs: its event log, a handle for routes, and who reads it."""
