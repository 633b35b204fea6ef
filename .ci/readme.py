"""Runs every code block of README.md as printed: Python in one session, beside it the shell commands but for make."""

import os
import pathlib
import re
import subprocess
import sys

TEXT = pathlib.Path("README.md").read_text(encoding="utf-8")
os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def main() -> None:
    """Fails if one of the blocks does."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.S)
    session = "".join(body for language, body in blocks if language == "python")
    commands = "".join(body for language, body in blocks if language == "sh" and not body.startswith(("make", "git")))
    if not session or not commands:
        sys.exit("README.md has no Python block or no shell block: have their fences changed?")
    going = [subprocess.Popen(words) for words in (["bash", "-euxc", commands], [sys.executable, "-c", session])]
    if any([process.wait() for process in going]):  # a list, as both are to end
        sys.exit("README.md: a block failed")
    print(f"README.md: {len(blocks)} blocks run")


if __name__ == "__main__":
    main()
