"""Energy tables: what one operation costs in one process, and where the figure comes from.

A file is read strictly (`schema`, `figure_schema`, `memory_schema`) and becomes an :class:`EnergyTable` (`reading`,
`table`), which answers for one operation at a time and says how it found the answer (`price_list`, `lookup_rule`,
`price`). It may extend others; every figure keeps the source of the file that states it. Tables can be carried to
another process (`scaling`), put side by side (`comparison`) and written (`writing`).
"""

from hwsim.pricing.energy_table.reading import load_table
from hwsim.pricing.energy_table.table import Aside, EnergyTable, StaticPower

__all__ = ["Aside", "EnergyTable", "StaticPower", "load_table"]
