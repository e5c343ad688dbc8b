"""Makes the attack at import: a bundle's host is as hostile as its runs."""
from __future__ import annotations

from _attempt import attempt

attempt('import')
