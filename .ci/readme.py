"""Runs every code block of README.md as printed: Python in one session, shell commands but for make."""

import os
import pathlib
import re
import subprocess
import sys

TEXT = pathlib.Path("README.md").read_text(encoding="utf-8")
os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def main() -> None:
    """Stops at the first block that fails."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.S)
    session = "".join(body for language, body in blocks if language == "python")
    commands = "".join(body for language, body in blocks if language == "sh" and not body.startswith(("make", "git")))
    if not session or not commands:
        sys.exit("README.md has no Python block or no shell block: have their fences changed?")
    subprocess.run(["bash", "-euxc", commands], check=True)
    subprocess.run([sys.executable, "-c", session], check=True)
    print(f"README.md: {len(blocks)} blocks run")


if __name__ == "__main__":
    main()
