"""A web server with canned replies, for what our own server would not say."""

import http.server
import json
import threading
from contextlib import contextmanager


@contextmanager
def web_server(replies):
    """A server on a free port that answers each path with (status, JSON) and everything else with 404."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = replies.get(self.path, (404, {"detail": "no"}))
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
