"""Names from outside, such as those of files, as matplotlib draws them letter by letter."""


def plotted(text: str) -> str:
    """Text that matplotlib does not take for a formula, with a question mark for what no font can have.

    Example:
        >>> plotted("a$_$.jpg")
        'a\\\\$_\\\\$.jpg'
    """
    # Bytes of a file name that are no UTF-8 stand as half a character in Python.
    return text.encode("utf-8", "replace").decode("utf-8").replace("$", r"\$")
