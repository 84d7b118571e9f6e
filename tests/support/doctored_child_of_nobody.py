"""The doctored child, without the rights of root."""

from tests.support import doctored_child

if __name__ == "__main__":
    doctored_child.main()
