"""Running a network over data, event by event.

``simulator`` goes through it all: ``input_frames`` checks the data, ``plan`` prepares the network, ``count_bound`` says
how large its counts can get, ``pieces`` cuts the frames, ``walk`` takes blocks of them through the network, ``record``
makes an Activity of what was noted, and ``run`` is the result. ``heads`` and ``elementwise`` are what a stage does to a
block.
"""
