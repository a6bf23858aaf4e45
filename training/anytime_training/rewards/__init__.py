"""How answers are judged: reward functions, verifiers, and the processes that bound them."""
