"""How much each input matters."""
