"""What a contender takes of the machine."""

import subprocess
import sys

from bench.machine import cpu

PARENT = """
import subprocess, sys

subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.3: pass"])
print(flush=True)
sys.stdin.read()
"""


def test_the_cpu_of_a_child_that_has_ended_is_its_parents() -> None:
    with subprocess.Popen(  # noqa: S603 - this interpreter
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        used = cpu(parent.pid)

    assert used >= 0.3
