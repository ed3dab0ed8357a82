"""Files: the one strict way to read YAML and npz, the one whole way to write, and names that stand for paths."""
