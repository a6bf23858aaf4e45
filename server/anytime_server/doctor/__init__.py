"""`anytime doctor`: whether `anytime serve` would work here, and what to do where it would not."""

from anytime_server.doctor.command import doctor

__all__ = ["doctor"]
