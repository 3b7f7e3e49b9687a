"""Which inputs explain observations: maxima, their neighbourhoods, draws and what they say."""
