"""In which order layers run, a file for each way; the modules register themselves when they are imported."""

from hwsim.timing.schedules import barrier, pipelined, sequential, stream
from hwsim.timing.schedules.schedule import Schedule, Times, schedule_named

__all__ = ["Schedule", "Times", "barrier", "pipelined", "schedule_named", "sequential", "stream"]
