"""A model folder and the network in it: ``network.yaml`` says what it is, ``weights.npz`` holds its arrays.

``network.yaml`` carries name, provenance, input and layers; ``weights.npz`` carries ``<layer>.weight``,
``<layer>.scale`` and ``<layer>.bias`` (a term's number appended when there are several: ``<layer>.weight0``; no bias
where the layer says ``bias: false``), and parameters that differ by channel, under their own names. Both are read
strictly, no pickle is ever loaded, and no file outside the folder is named. ``network.yaml`` also carries the digest of
the arrays, so that none of another network are taken for them. The same network always makes the same bytes.

What stands there of a layer follows from its fields; nothing here knows a layer by its class. What reading and writing
have in common is in `schema`, a field at a time in `stored_fields`.
"""

from hwsim.network_file.folder import check_free_folder
from hwsim.network_file.reading import load_network
from hwsim.network_file.schema import ARRAYS, DESCRIPTION
from hwsim.network_file.writing import save_network

__all__ = ["ARRAYS", "DESCRIPTION", "check_free_folder", "load_network", "save_network"]
