"""Variable-length integers (LEB128), and a reader of bytes."""


def variable_integer(number: int) -> bytes:
    """Encode an integer in seven bits per byte, lowest first.

    The eighth bit is set if more bytes follow.

    Example:
        >>> variable_integer(300).hex()
        'ac02'

    Source: LEB128, unsigned; DWARF 5, section 7.6.
    """
    if number < 0:
        raise ValueError(f"{number} is below zero; expected 0 or more")
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


class Reader:
    """Reader of bytes from the front, never beyond their end.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes | memoryview):
        self._data = memoryview(data)
        self._position = 0

    @property
    def left(self) -> int:
        """Return the number of bytes not read yet."""
        return len(self._data) - self._position

    def take(self, count: int) -> memoryview:
        """Return the next `count` bytes.

        Raises:
            ValueError: fewer are left.
        """
        if count > self.left:
            raise ValueError(f"ends too early: {count} more bytes expected, {self.left} left")
        taken = self._data[self._position : self._position + count]
        self._position += count
        return taken

    def integer(self) -> int:
        """Return the next variable integer.

        It must be below 2**63 and in as few bytes as possible.

        Raises:
            ValueError: it isn't, or the bytes end.
        """
        number = 0
        for shift in range(0, 63, 7):
            byte = self.take(1)[0]
            number |= (byte & 127) << shift
            if byte < 128:
                if not byte and shift:
                    break
                return number
        raise ValueError("a number is too long")
