"""Carries TCP connections from one address to another, port by port.

`python -m tests.bench.relay HERE THERE PORT…`: what comes to HERE:PORT goes on to THERE:PORT. So a host reaches, as its
own loopback, servers that listen on the loopback of another.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import closing, suppress

CHUNK = 65_536


async def relay(here: str, there: str, ports: Sequence[int]) -> None:
    """Serve until cancelled."""
    for port in ports:
        await asyncio.start_server(_to(there, port), here, port)
    await asyncio.Event().wait()


def _to(there: str, port: int):  # noqa: ANN202 - what asyncio calls for a connection
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError):
            onward, back = await asyncio.open_connection(there, port)
            with closing(back):
                await asyncio.gather(_pass(reader, back), _pass(onward, writer))

    return connected


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """All there is, and then its end: either side may have more to say."""
    while chunk := await reader.read(CHUNK):
        writer.write(chunk)
        await writer.drain()
    writer.write_eof()


if __name__ == "__main__":
    asyncio.run(relay(sys.argv[1], sys.argv[2], [int(port) for port in sys.argv[3:]]))
