"""Run the `tfslim` command: `python -m tfslim`."""

from tfslim.cli.__main__ import main

if __name__ == "__main__":
    main()
