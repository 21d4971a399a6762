"""Playground: a page to try headlines on, which a server on this machine shows at /."""
