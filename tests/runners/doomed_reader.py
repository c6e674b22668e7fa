"""A server that is going to be killed while another process reads a file for it."""

from __future__ import annotations

import asyncio
import sys

from tests.runners.test_reader_process import a_reader


async def main(mark: str) -> None:
    reader = a_reader("ends_with_its_input", mark=mark)
    await reader.next()
    sys.stdout.write(f"{reader.pid}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
