"""Running a network over data, event by event.

``simulator`` cuts the frames into pieces, ``plan`` prepares the network, ``count_bound`` says how large its counts can
get, ``walk`` takes blocks of frames through it, ``record`` makes an Activity of what was noted. ``heads`` and
``elementwise`` are what a stage does to a block.
"""
