"""Text of tokens that are still to go on: whole characters, no markers, and not in crumbs."""
