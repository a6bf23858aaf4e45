"""The remote engine: the contract over the token-in/token-out route of vLLM's servers, or of `anytime worker`."""
