"""Asks a live server by huggingface_hub's InferenceClient. Standard input: {url, key, calls: [[adapter, method, arguments]]}."""

import json
import sys

from huggingface_hub import InferenceClient

asked = json.load(sys.stdin)


def answer(adapter, method, arguments):
    client = InferenceClient(model=f"{asked['url']}/models/{adapter}", token=asked["key"])
    try:
        return getattr(client, method)(**arguments)
    except Exception as error:
        return {"error": type(error).__name__, "status": error.response.status_code}


json.dump([answer(*call) for call in asked["calls"]], sys.stdout)
