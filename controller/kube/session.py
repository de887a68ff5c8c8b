"""A session with the API server for a framework that makes its own requests."""

import aiohttp

from controller.kube.connection import Connection


def open_session(connection: Connection) -> aiohttp.ClientSession:
    """A session that trusts and presents what the connection says; credentials are read again for each request.

    Whoever opens it closes it. Requests in it raise what aiohttp raises, and ApiServerUnavailable where the
    credentials can't be read.
    """

    async def authorize(request: aiohttp.ClientRequest, following: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        authorization = connection.authorization()
        if authorization:
            request.headers["Authorization"] = authorization
        request.server_hostname = connection.tls_server_name
        return await following(request)

    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=connection.tls, limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(authorize,),
    )
