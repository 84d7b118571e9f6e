"""The one exception with which a parser child says what is wrong with a file."""


class FileError(Exception):
    """A code of errors.CODES and a sentence for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
