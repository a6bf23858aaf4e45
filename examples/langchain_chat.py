"""Ask with LangChain, then read what it leaves out (`pip install langchain-openai`)."""

from langchain_openai import ChatOpenAI

from anytime_client import Anytime

model = ChatOpenAI(
    model="anytime-tiny",
    base_url="http://localhost:8000/v1",
    api_key="none",
    seed=6,
    extra_body={"budget": 240, "checkpoints": {"every": 15}, "stop_when": {"stable": 3}},
)
reply = model.invoke("smallest of 61+14, 90-3, 21+9, 7*12, 27+49, 9*10, 7+49, 55+16")
print(reply.content)
print("thinking tokens:", reply.usage_metadata["output_token_details"]["reasoning"])

# LangChain drops the thinking and the interim answers. The server keeps them for an hour.
session = Anytime("http://localhost:8000").get(reply.response_metadata["id"])
print("on the way:", [checkpoint.value for checkpoint in session.checkpoints])
