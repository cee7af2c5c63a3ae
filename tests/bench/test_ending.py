"""What a run of the measurements has started ends with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.replicas import free_port
from bench.rig import HERE

RUN = """
import signal, sys
from pathlib import Path

from bench.__main__ import end_on_sigterm
from bench.contest import up
from bench.rig import Rig
from bench.sides import bare

end_on_sigterm()
rig = Rig(root=Path(sys.argv[1]))
rig.logs.mkdir()
rig.answers.mkdir()
(rig.answers / "W5").write_text('{"data": {}}')
with up(rig, [bare(rig, "W5")], int(sys.argv[2])) as there:
    print(*(contender.pid for contender in there), flush=True)
    signal.pause()
"""


def test_sigterm_ends_the_contenders(tmp_path: Path) -> None:
    command = [sys.executable, "-c", RUN, str(tmp_path), str(free_port())]
    with subprocess.Popen(  # noqa: S603 - this interpreter
        command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        contender = int(run.stdout.readline())
        run.terminate()

    assert run.returncode == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(contender, 0)
