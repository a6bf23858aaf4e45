"""Exit with 0 if the server of this container is ready. It asks directly, whatever proxy the environment names."""

import os
import sys
from http.client import HTTPConnection

connection = HTTPConnection("127.0.0.1", int(os.environ["ANYTIME_PORT"]), timeout=4)
connection.request("GET", "/readyz")
sys.exit(connection.getresponse().status != 200)
