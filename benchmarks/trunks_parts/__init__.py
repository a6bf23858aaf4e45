"""Several trunks: full trunks recorded once, and what every rule would have made of them."""
