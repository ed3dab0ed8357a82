"""From what happened to what the hardware did: whole numbers of operations of every phase."""
