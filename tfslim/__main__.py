"""Entry point of `python -m tfslim`, the `tfslim` command."""

from tfslim.cli.__main__ import main

if __name__ == "__main__":
    main()
