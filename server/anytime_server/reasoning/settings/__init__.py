"""What an operator decides: about sessions, and for requests that do not say."""
