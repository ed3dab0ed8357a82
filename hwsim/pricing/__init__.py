"""From counts to joules, by an energy table."""
