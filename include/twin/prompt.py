"""A web server that stops when it is told to: uvicorn's looks ten times a second, and naps before it is gone."""

import asyncio
import socket

import uvicorn

LOOK_S = 0.005
"""Between two looks at whether the last answers are out."""


class PromptServer(uvicorn.Server):
    """Serves until `stop` is called, from whichever thread."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()
        self._told = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def stop(self) -> None:
        """Answer what was asked already, and end. Only once it is listening."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._told.set)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        self.listening.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self._told.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for listener in sockets or ():
            listener.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        now, patience_s = asyncio.get_running_loop().time, self.config.timeout_graceful_shutdown or 0
        until = now() + patience_s
        while (self.server_state.connections or self.server_state.tasks) and now() < until:  # noqa: ASYNC110 - uvicorn tells nobody
            await asyncio.sleep(LOOK_S)
        for task in self.server_state.tasks:
            task.cancel()
        await self.lifespan.shutdown()
