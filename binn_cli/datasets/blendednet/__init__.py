"""BlendedNet: surface pressure and friction of blended wing bodies, from the published archive or a synthetic one of
its layout."""
