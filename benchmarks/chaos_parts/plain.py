"""Clients of servers that speak plain HTTP."""

import ssl

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Trusts nobody: to read the certificates costs each client 50 ms, and a run makes hundreds."""
