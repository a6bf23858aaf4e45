"""Record what the OpenAPI document shows of OpenAI's routes: `python docs/scripts/record_openai.py http://localhost:8000`.

The server must serve the embedded model.
"""

import json
import sys
from pathlib import Path

import httpx

from anytime_server.api.openai import examples

TARGET = Path(examples.__file__).with_name("recorded.json")


def _data(stream: str) -> list[dict]:
    return [json.loads(line.removeprefix("data: ")) for line in stream.splitlines() if line.startswith("data: {")]


def main(url: str) -> None:
    """Ask the server at `url` and write what comes back."""
    with httpx.Client(base_url=f"{url}/v1", timeout=120) as client:
        body = examples.CHATS["effort"]["value"]
        completion = client.post("/chat/completions", json=body).raise_for_status().json()
        stream = client.post("/chat/completions", json={**body, "stream": True}).raise_for_status().text
        asked = examples.RESPONSES["question"]["value"] | {"temperature": 0}
        response = client.post("/responses", json=asked).raise_for_status().json()
        events = client.post("/responses", json={**asked, "stream": True}).raise_for_status().text
        models = client.get("/models").raise_for_status().json()
    recorded = {
        "completion": completion,
        "chunk": _data(stream)[1],
        "response": response,
        "response_event": next(event for event in _data(events) if event["type"] == "response.output_text.delta"),
        "models": models,
    }
    TARGET.write_text(json.dumps(recorded, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
