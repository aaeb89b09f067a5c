"""The twin's control endpoint, on a port of its own: arm faults, read what happened, send webhooks.

GET    /_twin/faults            what is armed
POST   /_twin/faults            arm one: {"kind": ..., "system": ..., "path": ..., "with": {...}}
DELETE /_twin/faults            disarm all
GET    /_twin/faults/injected   what really happened, in order
POST   /_twin/webhooks          {"url": ..., "secret": ...}: send events there
POST   /_twin/webhooks/send     ?event=id&event=..., or every event there is, oldest first
"""

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from include.twin.faults import BadFault, fault_of
from include.twin.faulty_data import DataFaults
from include.twin.web import json_reply, web_app
from include.twin.webhooks import Endpoint, Webhooks
from include.twin.world import Clock


def control_app(faults: DataFaults, *, clock: Clock) -> Starlette:
    """Only ever served on loopback: it asks for no key."""
    webhooks = Webhooks(faults.injector)

    def armed(_request: Request) -> Response:
        return json_reply(faults.injector.armed())

    async def arm(request: Request) -> Response:
        try:
            faults.arm(fault_of(json.loads(await request.body())))
        except (BadFault, ValueError) as refused:
            return json_reply({"error": str(refused)}, status=400)
        return json_reply({"armed": len(faults.injector.armed())}, status=201)

    def disarm(_request: Request) -> Response:
        return json_reply({"disarmed": faults.injector.disarm()})

    def injected(_request: Request) -> Response:
        return json_reply(faults.injector.log())

    async def register(request: Request) -> Response:
        stated = json.loads(await request.body())
        webhooks.endpoints.append(Endpoint(stated["url"], stated["secret"]))
        return json_reply({"endpoints": len(webhooks.endpoints)}, status=201)

    def send(request: Request) -> Response:
        asked = request.query_params.getlist("event")
        oldest_first = reversed(faults.listings["events"].items)
        return json_reply(webhooks.send(one.body for one in oldest_first if not asked or one.id in asked))

    return web_app(
        [
            Route("/_twin/faults", armed, methods=["GET"]),
            Route("/_twin/faults", arm, methods=["POST"]),
            Route("/_twin/faults", disarm, methods=["DELETE"]),
            Route("/_twin/faults/injected", injected, methods=["GET"]),
            Route("/_twin/webhooks", register, methods=["POST"]),
            Route("/_twin/webhooks/send", send, methods=["POST"]),
        ],
        clock=clock,
    )
