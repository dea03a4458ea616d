/** Help of `--format` on lists. */
export const formatHelp =
  "Format output: 'table' (default), 'table TEMPLATE' for other columns, 'json', or a Go template such as '{{.ID}}'";

/** Help of `--format` on single objects. */
export const objectFormatHelp = "Format output: 'json', or a Go template such as '{{.Id}}'";
