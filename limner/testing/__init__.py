"""The conformance suite: a class to inherit, with which pytest checks that a provider keeps the contract.

    from limner.testing import ProviderSuite

    class TestDots(ProviderSuite):
        plugin = "limner_dots"

It needs ``limner[testing]``, no key and no network. If the provider has a service, the suite plays the
service on this machine, at the `base_url` of every request; the class defines the service's answers:

    class TestPaint(ProviderSuite):
        plugin = "limner_paint"

        def answer(self, request: Request) -> Reply:
            return Reply(body={"image": base64.b64encode(picture()).decode()})

        failures = {
            "rate-limit": Reply(429, {"message": "slow down"}, {"retry-after": "8"}),
            "content-filter": Reply(400, {"code": "unsafe"}),
        }

`limner.testing.base.SuiteBase` lists everything that a class may set. Each failed test states in a
sentence what is wrong, and names the section of plugins.md that explains how to fix it.
"""

from limner.testing.base import Answer
from limner.testing.loopback import Loopback, Reply, Request
from limner.testing.pictures import picture
from limner.testing.suite import ProviderSuite

__all__ = ["Answer", "Loopback", "ProviderSuite", "Reply", "Request", "picture"]
