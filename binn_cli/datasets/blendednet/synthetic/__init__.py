"""A synthetic archive in the layout of BlendedNet: lofted wings with pressure and friction from a low-order model."""
