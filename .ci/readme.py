"""Run every code block of README.md and docs/*.md as printed, one process a page, in order.

The Python blocks of a page share one session; a shell block runs where it stands, unless it begins with a command of
`DONE`. A block after a line `<!-- not run: why -->` is left out, and the reason is printed.
"""

import os
import pathlib
import re
import subprocess
import sys

BLOCK = re.compile(
    r"(?:<!-- not run: (?P<why>[^\n]+?) -->\n+)?```(?P<language>python|sh)\n(?P<body>.*?)^```", re.S | re.M
)
DONE = ("make", "git", "pip", "python -m pip", "python -m venv")  # what CI has done before
os.environ["PATH"] = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


def session(page: pathlib.Path) -> tuple[str, int]:
    """Return a program with the blocks of a page, on the page's own line numbers, and how many there are."""
    text = page.read_text(encoding="utf-8")
    lines, count = [""] * (text.count("\n") + 1), 0
    for match in BLOCK.finditer(text):
        place, body = text.count("\n", 0, match.start("body")), match["body"]
        if match["why"]:
            print(f"{page}:{place}: not run: {match['why']}")
        elif match["language"] == "python":
            lines[place : place + body.count("\n")] = body.splitlines()
            count += 1
        elif not body.startswith(DONE):
            lines[place] = f"__import__('subprocess').run(['bash', '-euxc', {body!r}], check=True)"
            count += 1
    return "\n".join(lines), count


def main() -> None:
    """Run README.md, then docs/ in the order of the names; end with an error if a block fails."""
    readme, docs = pathlib.Path("README.md"), pathlib.Path("docs")
    for page in [readme, *sorted(docs.glob("*.md"))]:
        program, count = session(page)
        if page == readme and not count:
            sys.exit("README.md has no Python block and no shell block: have their fences changed?")
        print(f"{page}: {count} blocks", flush=True)
        if count and subprocess.run([sys.executable, "-c", program]).returncode:
            sys.exit(f"{page}: a block failed; line numbers above are the page's own")


if __name__ == "__main__":
    main()
