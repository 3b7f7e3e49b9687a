"""What is seen in a terminal: a run while it goes on, and its tables afterwards."""

from binn_cli.views.console.comparison import compare
from binn_cli.views.console.live import LiveView
from binn_cli.views.console.show import show
from binn_cli.views.console.tables import summarise

__all__ = ["LiveView", "compare", "show", "summarise"]
