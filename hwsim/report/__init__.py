"""What a reader sees: a Comparison or a Breakdown as text for the terminal, or as one page for the browser.

Nothing is counted or priced here. `text` is for the terminal, `page` for the browser; what both say is worded once,
in `wording` (sentences) and `units` (numbers).
"""
