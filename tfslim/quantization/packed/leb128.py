"""Whole numbers in as many bytes as they need, and reading bytes piece by piece."""


def variable_integer(number: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth bit says that more follow.

    Example:
        >>> variable_integer(300).hex()
        'ac02'

    Source: LEB128, unsigned; DWARF 5, section 7.6.
    """
    if number < 0:
        raise ValueError(f"{number} is below zero")
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    found.append(number)
    return bytes(found)


class Reader:
    """Takes bytes from the front, never more than there are.

    Args:
        data: the bytes.
    """

    def __init__(self, data: bytes | memoryview):
        self._data = memoryview(data)
        self._position = 0

    @property
    def left(self) -> int:
        """Bytes not taken yet."""
        return len(self._data) - self._position

    def take(self, count: int) -> memoryview:
        """The next `count` bytes.

        Raises:
            ValueError: fewer are left.
        """
        if count > self.left:
            raise ValueError(f"ends too early: {count} more bytes expected, {self.left} left")
        taken = self._data[self._position : self._position + count]
        self._position += count
        return taken

    def integer(self) -> int:
        """The next variable integer, below 2**63 and in as few bytes as it needs.

        Raises:
            ValueError: it is neither, or the bytes end.
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
