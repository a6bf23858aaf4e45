"""Record the run that the OpenAPI document and the docs show: `python docs/scripts/record_run.py http://localhost:8000`.

The server must serve the embedded model. Writes the events and the document of the first example request.
"""

import json
import sys
from pathlib import Path

import httpx

from anytime_server.api.openapi import examples

TARGET = Path(examples.__file__).with_name("recorded_run.json")


def main(url: str) -> None:
    """Ask the server at `url` and write what comes back."""
    body = {**examples.RECORDED_REQUEST, "stream": True}
    response = httpx.post(f"{url}/reason", json=body, timeout=120).raise_for_status()
    events = [json.loads(line.removeprefix("data: ")) for line in response.text.splitlines() if line[:5] == "data:"]
    run = {"document": events[-1]["document"], "events": events}
    TARGET.write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
