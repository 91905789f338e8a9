"""Tables of results, which long runs print."""


def format_table(columns, rows):
    """Format ``rows`` below the names of their columns; all but the first are right-aligned."""
    lines = [columns, *(tuple(map(str, row)) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    cells = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n\n" + "\n".join("  ".join(line) for line in cells)
