"""The rows that are delivered and the words that move, by memory, per layer and frame."""
