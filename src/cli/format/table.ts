const MIN_WIDTH = 10;
const PADDING = 3;

/**
 * Lines of cells as Docker's tables look (Go's `tabwriter` with 10, 1, 3): columns of at least ten characters and
 * three spaces apart; the last cell of a line is not padded.
 */
export function alignTable(
  lines: readonly (readonly string[])[],
  { minWidth = MIN_WIDTH }: { readonly minWidth?: number } = {},
): string {
  const widths: number[] = [];
  for (const cells of lines) {
    cells.slice(0, -1).forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? minWidth, widthOf(cell) + PADDING);
    });
  }
  let text = '';
  for (const cells of lines) {
    cells.forEach((cell, column) => {
      const isLast = column === cells.length - 1;
      text += isLast ? cell : cell + ' '.repeat((widths[column] ?? 0) - widthOf(cell));
    });
    text += '\n';
  }
  return text;
}

/** Characters, not UTF-16 units; tables are mostly ASCII, which needs no counting. */
function widthOf(cell: string): number {
  // oxlint-disable-next-line no-control-regex -- all of ASCII is meant
  return /^[\x00-\x7f]*$/.test(cell) ? cell.length : Array.from(cell).length;
}
