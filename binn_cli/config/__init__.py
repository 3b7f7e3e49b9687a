"""Typed configuration: schemas, composition and the errors that a misspelt key gets."""
