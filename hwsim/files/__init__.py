"""Files: the one strict way to read YAML and npz, the one whole way to write, names for paths, a limit of memory."""
