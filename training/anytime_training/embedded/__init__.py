"""The model that ships with the server: its tokenizer and its shape."""
