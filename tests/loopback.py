"""Another name for `limner.testing.loopback`, until all tests import that."""

from limner.testing.loopback import Handler, Loopback, Reply, Request

__all__ = ["Handler", "Loopback", "Reply", "Request"]
