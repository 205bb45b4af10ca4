"""The ASGI application: finds the route, hands over to its endpoint. Starts and stops with the server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from starlette.routing import compile_path
from starlette.types import Receive, Scope, Send

from kyc.logs import logger
from kyc.service import openapi
from kyc.service.endpoint import PARTS, Absent, Endpoint
from kyc.service.parts import Parts
from kyc.service.route import Route
from kyc.service.routes import ROUTES

Make = Callable[[bytes], Parts]

_log = logger("service")


class Application:
    """Routes by a table: paths without parameters in one look, the others one after the other."""

    def __init__(self, make: Make, routes: Sequence[Route] = ROUTES) -> None:
        self._make = make
        self._routes = routes
        self.parts: Parts | None = None
        self._absent: Final = Absent()
        self._exact: dict[str, dict[str, Endpoint]] = {}
        templates: dict[str, dict[str, Endpoint]] = {}
        for route in routes:
            table = templates if "{" in route.path else self._exact
            methods = table.setdefault(route.path, {})
            assert route.method not in methods, "one route for one method of one path"
            methods[route.method] = Endpoint(route)
        for methods in (*self._exact.values(), *templates.values()):
            if "GET" in methods:
                methods.setdefault("HEAD", methods["GET"])
        self._templates = [(*compile_path(path)[::2], methods) for path, methods in templates.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._endpoint(scope)(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(scope, receive, send)

    def _endpoint(self, scope: Scope) -> Endpoint:
        methods = self._exact.get(scope["path"])
        if methods is None:
            methods = self._matched(scope)
        if methods is None:
            return self._absent
        return methods.get(scope["method"]) or Absent(", ".join(sorted(methods)))

    def _matched(self, scope: Scope) -> dict[str, Endpoint] | None:
        for pattern, convertors, methods in self._templates:
            match = pattern.match(scope["path"])
            if match:
                scope["path_params"] = {
                    name: convertors[name].convert(value) for name, value in match.groupdict().items()
                }
                return methods
        return None

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The server's start and stop (ASGI lifespan)."""
        assert (await receive())["type"] == "lifespan.startup"
        try:
            self.parts = self._make(msgspec.json.encode(openapi.document(self._routes)))
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": type(error).__name__})
            raise
        scope["state"][PARTS] = self.parts
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        await self.parts.close()
        await send({"type": "lifespan.shutdown.complete"})

    def drain(self) -> None:
        """The server was told to stop: readiness says so, streams end after the lines they have answered."""
        if self.parts is not None:
            self.parts.draining = True
