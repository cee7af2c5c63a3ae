"""`make audit`: every locked package, looked up by pip-audit in PyPI's advisories.

pip-audit itself ends with success where it could look nothing up. Here that is a status of its
own: what was not audited is not known to be sound.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

SOUND, VULNERABLE, UNKNOWN = 0, 1, 3


def command(locks: list[str]) -> list[str]:
    """The call of pip-audit: the locks as they stand, nothing resolved, nothing installed."""
    named = [part for lock in locks for part in ("--requirement", lock)]
    options = ["--disable-pip", "--require-hashes", "--format", "json", "--progress-spinner", "off"]
    return [sys.executable, "-m", "pip_audit", *options, *named]


def verdict(report: dict[str, Any]) -> tuple[int, list[str]]:
    """The exit status for a report of pip-audit, and the lines that say why."""
    packages = report["dependencies"]
    audited = [package for package in packages if "skip_reason" not in package]
    lines = [
        f"{package['name']} {package['version']}: {found['id']}"
        f" (fixed in {', '.join(found['fix_versions']) or 'no version yet'})"
        for package in audited
        for found in package["vulns"]
    ]
    if lines:
        return VULNERABLE, lines
    if not audited:
        reason = (
            f"Nothing was audited: of {len(packages)} locked packages the advisories of none could"
            " be read. They are the Python Package Index's, out of reach from here: run"
            " `make audit` where it can be reached. This is no evidence that packages are sound."
        )
        return UNKNOWN, [reason]
    if skipped := [package["name"] for package in packages if "skip_reason" in package]:
        reason = (
            f"Audited {len(audited)} of {len(packages)} locked packages and found nothing; not"
            f" audited: {', '.join(skipped)}"
        )
        return UNKNOWN, [reason]
    return SOUND, [f"No known vulnerability in {len(audited)} locked packages."]


def main(locks: list[str]) -> int:
    """Audit the locks; the exit status."""
    done = subprocess.run(command(locks), capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        print(f"Nothing was audited: pip-audit failed: {reason}", file=sys.stderr)
        return UNKNOWN
    status, lines = verdict(report)
    print("\n".join(lines), file=sys.stderr if status else sys.stdout)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
