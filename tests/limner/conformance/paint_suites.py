"""What the test classes of the two good providers, and of those that inherit them, have in common."""

from __future__ import annotations

import base64
from typing import ClassVar

from limner.testing import ProviderSuite, Reply, Request, picture


class PaintSuite(ProviderSuite):
    """Answers as the service of Paint does."""

    failures: ClassVar = {
        "rate-limit": Reply(429, {"message": "slow down"}, {"retry-after": "8"}),
        "content-filter": [Reply(400, {"code": "unsafe"}), lambda _: Reply(200, {"code": "unsafe"})],
        "auth": Reply(401),
    }

    def answer(self, request: Request) -> Reply:
        return Reply(body={"image": base64.b64encode(picture()).decode()})


class DotsSuite(ProviderSuite):
    failures: ClassVar = {"quota": {"outcome": "quota"}}


class AsyncDotsSuite(DotsSuite):
    slow_options: ClassVar = {"outcome": "late"}
