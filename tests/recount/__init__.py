"""A second counter, written from the rules alone: it reads a model's files and a machine's file, and shares no code."""
