"""Runtimes, the recipes of their images, and building them."""
