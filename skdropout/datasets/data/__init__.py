"""Data files and their descriptions; read them with the loaders of `skdropout.datasets`."""
