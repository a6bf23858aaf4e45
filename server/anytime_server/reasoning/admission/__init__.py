"""May a session begin, and how far may it think: slots, clients' shares, the load, and deadlines to be kept."""
