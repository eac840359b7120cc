"""The measured side of child.ts in Python, as measured.ts: says that it is ready, and answers `go <n>` with the times of n steps."""
import json
import resource
import sys
import time


def answer_go(step):
    print("ready", flush=True)
    for line in sys.stdin:
        ms = []
        for _ in range(int(line.split()[1])):
            started = time.perf_counter()
            step()
            ms.append((time.perf_counter() - started) * 1000)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"ms": ms, "peakRssMb": peak}), flush=True)
