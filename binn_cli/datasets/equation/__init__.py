"""An equation that the user states as text."""
