"""A match run as people meet it: read from a source, shown on the console, written as files.

`sources` turns a name or a path into profiles and rules; `records` says the result as JSON, `console` as
tables, `workbook` as a spreadsheet, `report` as one HTML file with pictures. All of them say the same words,
which stand in `words`.
"""
