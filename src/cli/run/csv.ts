/** The fields of one line of comma-separated values; a field with commas stands in double quotes (RFC 4180). */
export function csvFields(line: string): string[] {
  const fields: string[] = [];
  let field = '';
  let isQuoted = false;
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] ?? '';
    if (isQuoted) {
      if (letter !== '"') field += letter;
      else if (line[at + 1] === '"') {
        field += '"';
        at++;
      } else isQuoted = false;
    } else if (letter === '"' && field === '') isQuoted = true;
    else if (letter === '"') throw new RangeError('parse error: bare " in non-quoted-field');
    else if (letter === ',') {
      fields.push(field);
      field = '';
    } else field += letter;
  }
  if (isQuoted) throw new RangeError('parse error: extraneous or missing " in quoted-field');
  return [...fields, field];
}

/** `key=value` cut at the first `=`; `value` is `undefined` when there is none. */
export function cutPair(field: string): { readonly key: string; readonly value: string | undefined } {
  const at = field.indexOf('=');
  return at === -1
    ? { key: field, value: undefined }
    : { key: field.slice(0, at), value: field.slice(at + 1) };
}
