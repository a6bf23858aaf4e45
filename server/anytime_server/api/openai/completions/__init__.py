"""`POST /v1/completions`: text that is continued as it stands."""
