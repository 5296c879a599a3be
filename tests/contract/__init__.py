"""Contracts held on both sides: the portals among themselves, the client and the Swaggers."""
