"""Networks x machines x tables: comparisons, study files, rankings, and what tables are held to."""
