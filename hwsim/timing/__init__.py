"""What a network takes on a machine: cycles by layer and resource, the schedule of its layers, and what binds."""
